use super::*;
use std::net::SocketAddr;

/// A server that answers with what it was asked, or with a megabyte times sixteen.
fn start(limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        serve(&listener, limits, |request| {
            let text = match request.target.as_str() {
                "/big" => "x".repeat(16 << 20),
                _ => format!("{} {} {:?}", request.method, request.target, request.hosts),
            };
            Response { status: 200, fields: Vec::new(), body: Body::Text(text) }
        });
    });
    address
}

fn try_ask(address: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn ask(address: SocketAddr, request: &[u8]) -> String {
    try_ask(address, request).unwrap()
}

#[test]
fn a_request_is_read_and_an_answer_has_its_length() {
    let address = start(Limits::default());
    let answer = ask(address, b"GET //a?b=%20 HTTP/1.1\r\nhOST: x\r\nHost: y:1\r\nA: b\r\n\r\n");
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nContent-Length: 26\r\nConnection: close\r\n\r\n\
         GET //a?b=%20 [\"x\", \"y:1\"]"
    );
    let head = ask(address, b"HEAD / HTTP/1.0\r\n\r\n");
    assert!(head.contains("Content-Length: 9\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(ask(address, b"no request at all\r\n\r\n").starts_with("HTTP/1.1 400 "));
}

#[test]
fn a_head_is_short_and_comes_soon() {
    let limits = Limits { head_time: Duration::from_millis(100), ..Limits::default() };
    let address = start(limits);
    let long = [&b"GET / HTTP/1.1\r\nA: "[..], &vec![b'a'; 16 * 1024]].concat();
    assert!(ask(address, &long).starts_with("HTTP/1.1 431 "));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELDS_MAX + 1));
    assert!(ask(address, many.as_bytes()).starts_with("HTTP/1.1 431 "));
    assert!(ask(address, b"GET / HTTP/1.1\r\n").starts_with("HTTP/1.1 408 "));
    assert!(ask(address, b"").starts_with("HTTP/1.1 408 "));
}

#[test]
fn who_does_not_read_is_left_after_its_time() {
    let time = Duration::from_millis(200);
    let address = start(Limits { connections: 8, chunk_time: time, ..Limits::default() });
    let idle: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /big HTTP/1.1\r\n\r\n").unwrap();
            // It begins to be answered, so its place is taken.
            stream.read_exact(&mut [0; 8]).unwrap();
            stream
        })
        .collect();
    // None of them goes, and yet their places become free.
    let is_served =
        || try_ask(address, b"GET / HTTP/1.1\r\n\r\n").is_ok_and(|it| it.contains(" 200 "));
    let until = Until::after(Duration::from_secs(60));
    while !is_served() {
        until.left().unwrap();
    }
    drop(idle);
}

#[test]
fn connections_beyond_the_limit_are_told_so() {
    let address = start(Limits { connections: 1, ..Limits::default() });
    let mut first = TcpStream::connect(address).unwrap();
    first.write_all(b"GET /first HTTP/1.1\r\n").unwrap();
    assert!(ask(address, b"").starts_with("HTTP/1.1 503 "));
    first.write_all(b"\r\n").unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("GET /first []"), "{answer}");
}
