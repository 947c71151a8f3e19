//! Decides how HTTP connections are taken, bounded and let go.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use deploy_process::metrics::Registry;
use deploy_process::metrics::prometheus::{IntCounter, Opts};
use deploy_process::shutdown::Shutdown;
use deploy_process::source::{Places, Source};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Connections at a time, WebSockets not counted: some browsers hold six. At the bound a new one
/// waits in the kernel's queue until another ends.
const MAX_CONNECTIONS: u32 = 8_192;

/// Connections at a time from one address, or one /64 of IPv6: an office behind one address, at
/// six a browser. One more is closed at once. This machine and trusted proxies are not bounded.
const MAX_CONNECTIONS_OF_A_SOURCE: usize = 1_536;

/// How long a connection may take to send a request's head, and how long it may idle between two
/// requests: longer than any browser needs, short enough that silent strangers do not fill the
/// places.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// Longest head of a request, in bytes. Browsers send some 2 kB; a longer one is answered 431.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long to wait after an accept that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where connections come in, and from whom.
pub(crate) struct Door {
    listener: TcpListener,
    trusted_proxies: Vec<IpAddr>,
    refused: IntCounter,
}

impl Door {
    /// Registers its figure.
    ///
    /// # Errors
    /// When the registry has it already.
    pub(crate) fn new(
        listener: TcpListener,
        trusted_proxies: Vec<IpAddr>,
        registry: &Registry,
    ) -> anyhow::Result<Self> {
        let refused = IntCounter::with_opts(Opts::new(
            "colloquy_http_connections_refused_total",
            "Connections closed at once because their address held too many.",
        ))?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Door {
            listener,
            trusted_proxies,
            refused,
        })
    }

    /// Takes connections until asked to stop, then lets requests that run come to their end.
    pub(crate) async fn serve(self, router: Router, shutdown: Shutdown) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
        let of_sources = Places::new(MAX_CONNECTIONS_OF_A_SOURCE);
        loop {
            let accepted = async {
                let place = places.clone().acquire_owned().await;
                self.listener
                    .accept()
                    .await
                    .map(|(stream, peer)| (place, stream, peer))
            };
            let accepted = tokio::select! {
                accepted = accepted => accepted,
                () = shutdown.requested() => break,
            };
            let (place, stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(fault) => {
                    tracing::warn!(%fault, "a connection could not be accepted; is the limit of open files too low?");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let address = peer.ip().to_canonical();
            let of_source = match self.trusted_proxies.contains(&address) {
                true => None,
                false => match of_sources.take(Source::of(address)) {
                    Some(held) => Some(held),
                    None => {
                        self.refused.inc();
                        continue;
                    }
                },
            };
            let (router, shutdown) = (router.clone(), shutdown.clone());
            tokio::spawn(async move {
                hold(stream, peer, router, shutdown).await;
                drop((place, of_source));
            });
        }
        drop(self.listener);
        // The semaphore is never closed; all places are free when the last connection has ended.
        let _ = places.acquire_many(MAX_CONNECTIONS).await;
    }
}

/// HTTP/1.1 only: a proxy in front speaks whatever it likes to browsers. A server that also
/// listens for HTTP/2 must read before it knows, and waits for that without end.
async fn hold(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: Shutdown) {
    // Answers are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    let connection = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // A browser that goes away in the middle is no event for the log.
    tokio::select! {
        _ = &mut connection => return,
        () = shutdown.requested() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;

    fn door(listener: TcpListener) -> Door {
        Door::new(listener, Vec::new(), &Registry::new()).expect("an empty registry")
    }

    /// What a client hears that sends `head` and then nothing. From then on the clock jumps to
    /// the next deadline whenever nothing else happens.
    async fn heard_after(head: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shutdown = Shutdown::new();
        let router = Router::new().route("/", get(|| async { "here" }));
        let server = tokio::spawn(door(listener).serve(router, shutdown.clone()));
        let mut stream = TcpStream::connect(address).await.expect("taken");
        stream.write_all(head).await.expect("sent");
        tokio::time::pause();
        let mut answer = Vec::new();
        // A server that closes on unread bytes resets the connection.
        let _ = stream.read_to_end(&mut answer).await;
        shutdown.request();
        server.await.expect("the server ends without a panic");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn who_says_nothing_or_stops_in_the_middle_of_a_head_is_closed() {
        for head in [
            &b""[..],
            b"P",
            b"PRI * HTTP/2.0\r\n",
            b"GET / HTTP/1.1\r\nhost: x",
        ] {
            // That it returns is the claim.
            let heard = heard_after(head).await;
            assert!(!heard.contains("here"), "{heard}");
            tokio::time::resume();
        }
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nx: {}\r\n", "a".repeat(MAX_HEAD_BYTES));
        let heard = heard_after(long.as_bytes()).await;
        assert!(heard.is_empty() || heard.contains(" 431 "), "{heard}");
    }

    #[tokio::test]
    async fn a_silent_connection_does_not_hold_up_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shutdown = Shutdown::new();
        let server = tokio::spawn(door(listener).serve(Router::new(), shutdown.clone()));
        let mut silent = TcpStream::connect(address).await.expect("taken");
        // Answered, so it was taken and is idle; another has never said a word.
        silent
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .expect("sent");
        silent.read_exact(&mut [0; 12]).await.expect("answered");
        let _mute = TcpStream::connect(address).await.expect("taken");
        shutdown.request();
        server.await.expect("the server ends without a panic");
    }

    #[tokio::test]
    async fn a_request_that_runs_is_answered_after_the_wish_to_stop() {
        let (began, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let route = {
            let (began, finish) = (began.clone(), finish.clone());
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move {
                began.notify_one();
                finish.notified().await;
                peer.ip().to_string()
            })
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shutdown = Shutdown::new();
        let router = Router::new().route("/", route);
        let server = tokio::spawn(door(listener).serve(router, shutdown.clone()));

        let mut stream = TcpStream::connect(address).await.expect("taken");
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        began.notified().await;
        shutdown.request();
        finish.notify_one();
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("answered and closed");
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
        server.await.expect("the server ends without a panic");
        assert!(
            TcpStream::connect(address).await.is_err(),
            "nobody listens any more"
        );
    }
}
