//! Decides how HTTP connections are taken, bounded and let go.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use deploy_process::shutdown::Shutdown;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Connections at a time, WebSockets not counted: some browsers hold six. At the bound a new one
/// waits in the kernel's queue until another ends.
const MAX_CONNECTIONS: usize = 8_192;

/// How long a connection may take over a request's head, and idle between two requests: longer
/// than any browser needs, short enough that silent strangers do not fill the places.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait after an accept that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Takes connections until asked to stop, then lets requests that run come to their end.
pub(crate) async fn serve(listener: TcpListener, router: Router, shutdown: Shutdown) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let accepted = async {
            let place = places.clone().acquire_owned().await;
            listener
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
        let connection = graceful.watch(connection(&builder, stream, peer, router.clone()));
        tokio::spawn(async move {
            // A browser that goes away in the middle is no event for the log.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

fn connection(
    builder: &Builder<TokioExecutor>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error: Send> + Send + 'static {
    // Answers are written whole; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router.clone().oneshot(request.map(Body::new));
        async move { Ok::<_, Infallible>(answer.await.unwrap_or_else(|never| match never {})) }
    });
    builder
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .into_owned()
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;

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
        let server = tokio::spawn(serve(listener, router, shutdown.clone()));

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
