//! As much of HTTP/1.1 as showing files takes: one request a connection, without a body. Whatever
//! clients do, they cost a bounded time and a bounded memory, and keep nobody else waiting: each
//! connection has its own thread, a head has to be short and there soon, and a client that does not
//! read is left.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Most fields that a head may have.
const FIELDS_MAX: usize = 64;
/// How much is written before the time is looked at, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// What is still read of a client that has its answer, in bytes.
const DRAINED_BYTES_MAX: u64 = 1024 * 1024;

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connections at a time; more are refused.
    pub(super) connections: usize,
    /// Length of a request's head, in bytes.
    pub(super) head_bytes: usize,
    /// Time from the connection to the end of the head.
    pub(super) head_time: Duration,
    /// Time for each 64 KiB of an answer.
    pub(super) chunk_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            head_bytes: 16 * 1024,
            head_time: Duration::from_secs(10),
            chunk_time: Duration::from_secs(10),
        }
    }
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path with its query, as it came.
    pub(super) target: String,
    /// The values of all `Host` fields.
    pub(super) hosts: Vec<String>,
}

/// What is answered.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) body: Body,
}

/// What comes after the head of an answer.
#[derive(Debug)]
pub(super) enum Body {
    Text(String),
    /// A file and its length in bytes.
    File(File, u64),
}

impl Response {
    /// A short answer in plain words.
    pub(super) fn refusal(status: u16, why: &str) -> Self {
        let fields = vec![("Content-Type", "text/plain; charset=utf-8".to_owned())];
        Self { status, fields, body: Body::Text(format!("{status}: {why}\n")) }
    }
}

/// Answers what comes to a listener, for ever.
pub(super) fn serve(
    listener: &TcpListener,
    limits: Limits,
    answer: impl Fn(&Request) -> Response + Send + Sync + 'static,
) {
    let (answer, open) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    for stream in listener.incoming() {
        // A client that went away between coming and being let in is no concern of the others.
        let Ok(stream) = stream else { continue };
        let place = Place::take(&open);
        if place.number >= limits.connections {
            // It fits into the socket's buffer, so nobody is waited for.
            let busy = Response::refusal(503, "Too many connections.");
            let _ = stream.set_nonblocking(true).and_then(|()| write(&stream, busy, false, limits));
            continue;
        }
        let answer = Arc::clone(&answer);
        // Without a thread the connection closes, and the next one may have better luck.
        let _ = thread::Builder::new().name("connection".to_owned()).spawn(move || {
            let _place = place;
            let _ = converse(&stream, limits, &*answer);
        });
    }
}

/// One of the connections that are open.
struct Place {
    open: Arc<AtomicUsize>,
    /// How many there were before it.
    number: usize,
}

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Self {
        Self { open: Arc::clone(open), number: open.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One connection from its beginning to its end.
fn converse(
    stream: &TcpStream,
    limits: Limits,
    answer: &impl Fn(&Request) -> Response,
) -> io::Result<()> {
    let (response, is_head) = match read_request(stream, limits)? {
        Ok(request) => (answer(&request), request.method == "HEAD"),
        Err(refusal) => (refusal, false),
    };
    write(stream, response, is_head, limits)?;
    // What was sent and not read would reset the connection before the client has its answer.
    stream.shutdown(Shutdown::Write)?;
    let until = Until::after(limits.chunk_time);
    let mut drained = [0; 4096];
    let mut left = DRAINED_BYTES_MAX;
    while left > 0 {
        stream.set_read_timeout(Some(until.left()?))?;
        let mut reader = stream;
        match reader.read(&mut drained)? {
            0 => break,
            count => left = left.saturating_sub(count as u64),
        }
    }
    Ok(())
}

/// Reads the head of a request; or says why it is refused.
fn read_request(mut stream: &TcpStream, limits: Limits) -> io::Result<Result<Request, Response>> {
    let until = Until::after(limits.head_time);
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let is_late = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
        };
        let read = until
            .left()
            .and_then(|left| stream.set_read_timeout(Some(left)))
            .and_then(|()| stream.read(&mut buffer));
        match read {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => head.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if is_late(&error) => {
                return Ok(Err(Response::refusal(408, "The request took too long.")));
            }
            Err(error) => return Err(error),
        }
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {
                let hosts = request
                    .headers
                    .iter()
                    .filter(|field| field.name.eq_ignore_ascii_case("host"))
                    .map(|field| String::from_utf8_lossy(field.value).into_owned())
                    .collect();
                return Ok(Ok(Request {
                    method: request.method.unwrap_or_default().to_owned(),
                    target: request.path.unwrap_or_default().to_owned(),
                    hosts,
                }));
            }
            Ok(httparse::Status::Partial) if head.len() < limits.head_bytes => {}
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Ok(Err(Response::refusal(431, "The request's head is too long.")));
            }
            Err(_) => return Ok(Err(Response::refusal(400, "This is no HTTP request."))),
        }
    }
}

/// Writes an answer; without its body if only its head was asked for.
fn write(
    stream: &TcpStream,
    response: Response,
    head_only: bool,
    limits: Limits,
) -> io::Result<()> {
    let length = match &response.body {
        Body::Text(text) => text.len() as u64,
        Body::File(_, length) => *length,
    };
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    for (name, value) in &response.fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {length}\r\nConnection: close\r\n\r\n"));
    write_in_time(stream, head.as_bytes(), limits)?;
    if head_only {
        return Ok(());
    }
    match response.body {
        Body::Text(text) => text
            .as_bytes()
            .chunks(CHUNK_BYTES)
            .try_for_each(|chunk| write_in_time(stream, chunk, limits)),
        Body::File(file, length) => {
            // A file of a run that goes on may grow meanwhile.
            let mut file = file.take(length);
            let mut chunk = vec![0; CHUNK_BYTES];
            loop {
                match file.read(&mut chunk)? {
                    0 => return Ok(()),
                    count => write_in_time(stream, &chunk[..count], limits)?,
                }
            }
        }
    }
}

/// Writes a piece, or gives up when its time is over.
fn write_in_time(mut stream: &TcpStream, mut piece: &[u8], limits: Limits) -> io::Result<()> {
    let until = Until::after(limits.chunk_time);
    while !piece.is_empty() {
        stream.set_write_timeout(Some(until.left()?))?;
        match stream.write(piece) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => piece = &piece[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A moment up to which a client is waited for.
#[derive(Clone, Copy)]
struct Until(Instant);

impl Until {
    #[expect(clippy::disallowed_methods, reason = "a real client is waited for in real time")]
    fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// The time that is left.
    ///
    /// # Errors
    /// If there is none.
    #[expect(clippy::disallowed_methods, reason = "a real client is waited for in real time")]
    fn left(self) -> io::Result<Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// What people call a status.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
