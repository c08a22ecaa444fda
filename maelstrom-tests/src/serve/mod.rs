//! `eddy serve`: the runs of a store in a browser. It shows a list with verdicts, and files of runs as
//! they are; nothing outside the store, whatever the address says.

mod http;
mod store;

use std::fs::File;
use std::io::{self, Write as _};
use std::net::{IpAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use askama::Template;

use self::http::{Body, Limits, Request, Response};
pub use self::store::Store;
use crate::compare;
use crate::report::words::Words;
use crate::report::{self, page as report_page, text};
use crate::results;

/// For pages that bring their style and script with them. Reports restrict themselves further.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; \
    style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'";
/// For all other files: whatever is in them, it does nothing.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Arguments of `eddy serve`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  eddy serve                     the runs of ./store on http://127.0.0.1:8080/
  eddy serve --port 0            on any free port, which is printed
  eddy serve --store /tmp/store --host 0.0.0.0    for the whole network: mind what logs hold")]
pub struct Args {
    /// The port to listen on; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,

    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,

    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,
}

/// Serves until it is ended from outside.
pub fn run(args: &Args) -> ExitCode {
    let refuse = |text: String| {
        let _ = writeln!(io::stderr(), "eddy: {text}");
        ExitCode::from(2)
    };
    let store = match Store::open(&args.store) {
        Ok(store) => store,
        Err(error) => return refuse(format!("no store at {}: {error}", args.store.display())),
    };
    let listener = match TcpListener::bind((args.host, args.port)) {
        Ok(listener) => listener,
        Err(error) => {
            return refuse(format!("cannot listen on {}:{}: {error}", args.host, args.port));
        }
    };
    let port = listener.local_addr().map_or(args.port, |address| address.port());
    let host = if args.host.is_ipv6() { format!("[{}]", args.host) } else { args.host.to_string() };
    let address = format!("http://{host}:{port}/");
    let _ = writeln!(io::stdout(), "serving {} on {address}", args.store.display());
    let local_only = args.host.is_loopback();
    http::serve(&listener, Limits::default(), move |request| {
        let mut response = answer(request, &store, local_only);
        let for_all = [
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-cache"),
        ];
        response.fields.extend(for_all.map(|(name, value)| (name, value.to_owned())));
        response
    });
    ExitCode::SUCCESS
}

fn answer(request: &Request, store: &Store, local_only: bool) -> Response {
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Response::refusal(405, "Only GET and HEAD are answered here.");
    }
    if local_only && !is_local(request) {
        // A page from elsewhere whose name was made to point here.
        return Response::refusal(403, "This server answers under its local names only.");
    }
    let failed = |error: io::Error| Response::refusal(500, &error.to_string());
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    match path {
        "/" => index(store).map_or_else(failed, page),
        "/favicon.ico" => empty(204, Vec::new()),
        "/compare" => match compare_runs(store, query) {
            Some(html) => page(html),
            None => Response::refusal(404, "There are no such two runs."),
        },
        _ => match store.resolve(path) {
            Some(found) if found.is_file() => file(&found).unwrap_or_else(failed),
            Some(found) if found.join(report::FILE).is_file() => {
                // Two slashes at the beginning would name another host.
                let target = format!("/{}/{}", path.trim_matches('/'), report::FILE);
                empty(302, vec![("Location", target)])
            }
            _ => Response::refusal(404, "There is nothing here."),
        },
    }
}

/// Whether a request names this machine by one of its local names, and by nothing else.
fn is_local(request: &Request) -> bool {
    !request.hosts.is_empty() && request.hosts.iter().all(|host| is_local_name(host))
}

fn is_local_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn empty(status: u16, fields: Vec<(&'static str, String)>) -> Response {
    Response { status, fields, body: Body::Text(String::new()) }
}

fn page(html: String) -> Response {
    let fields = typed("text/html; charset=utf-8", PAGE_POLICY);
    Response { status: 200, fields, body: Body::Text(html) }
}

fn file(path: &Path) -> io::Result<Response> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let policy = if name == report::FILE { PAGE_POLICY } else { FILE_POLICY };
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let fields = typed(content_type(name), policy);
    Ok(Response { status: 200, fields, body: Body::File(file, length) })
}

fn typed(kind: &str, policy: &str) -> Vec<(&'static str, String)> {
    vec![("Content-Type", kind.to_owned()), ("Content-Security-Policy", policy.to_owned())]
}

/// What a file is, by its name. Only our own report is a page: a node can write files too.
fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" if name == report::FILE => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "html" | "jsonl" | "log" | "txt" | "md" | "edn" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[derive(Template)]
#[template(path = "index.html")]
struct Index {
    style: &'static str,
    runs: Vec<Run>,
}

/// A line of the list of runs.
struct Run {
    path: String,
    name: String,
    class: &'static str,
    verdict: &'static str,
    title: String,
    why: String,
    operations: String,
    has_report: bool,
}

fn index(store: &Store) -> io::Result<String> {
    let runs = store.runs()?.into_iter().map(|name| {
        let directory = store.root.join(&name);
        let head = results::read_head(&directory);
        let words = Words(&head);
        let count = head.stats.as_ref().map(|stats| stats.all.count as u64);
        Run {
            path: name.split('/').map(encode).collect::<Vec<_>>().join("/"),
            class: report_page::class(words),
            verdict: words.verdict_word(),
            title: words.title(),
            why: words.causes().into_iter().next().unwrap_or_default(),
            operations: count.map(text::grouped).unwrap_or_default(),
            has_report: directory.join(report::FILE).is_file(),
            name,
        }
    });
    Index { style: report_page::STYLE, runs: runs.collect() }.render().map_err(io::Error::other)
}

fn encode(part: &str) -> String {
    percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The comparison that a query such as `a=lin-kv/1&b=lin-kv/2` asks for.
fn compare_runs(store: &Store, query: &str) -> Option<String> {
    let run = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        store.resolve(&value.replace('+', "%20")).filter(|path| path.is_dir())
    };
    let (a, b) = (compare::Run::read(&run("a")?).ok()?, compare::Run::read(&run("b")?).ok()?);
    compare::page(&a, &b).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_the_report_is_a_page() {
        assert_eq!(content_type("report.html"), "text/html; charset=utf-8");
        assert_eq!(content_type("evil.html"), "text/plain; charset=utf-8");
        assert_eq!(content_type("n1.log"), "text/plain; charset=utf-8");
        assert_eq!(content_type("html"), "application/octet-stream");
    }

    #[test]
    fn the_list_shows_runs_with_their_verdicts() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("echo/<i>1");
        fs::create_dir_all(&run).unwrap();
        fs::create_dir_all(directory.path().join("echo/2")).unwrap();
        let results =
            r#"{"valid?":false,"verdict":{"causes":["<script>"]},"options":{"workload":"echo"}}"#;
        fs::write(run.join(results::FILE), results).unwrap();
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.runs().unwrap(), ["echo/<i>1", "echo/2"]);
        let html = index(&store).unwrap();
        assert!(html.contains("INVALID") && html.contains("unfinished"));
        assert!(!html.contains("<i>") && !html.contains("<script>"));
    }
}
