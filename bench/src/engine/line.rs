//! The way that an end's words take: a task of its own, so that the media never waits for it.

use std::time::Duration;

use anyhow::Context;
use futures::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::target;
use crate::target::posted::Posted;

/// How long a line may take to open, and what is posted to be answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest message that is read.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// Words that wait on either side of the task.
const WAITING: usize = 256;

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An open line. It ends when it is dropped.
pub(crate) struct Line {
    say: mpsc::Sender<String>,
    heard: mpsc::Receiver<anyhow::Result<String>>,
    task: JoinHandle<()>,
}

impl Line {
    pub(crate) async fn open(target: &target::Line) -> anyhow::Result<Line> {
        let (say, said) = mpsc::channel(WAITING);
        let (tell, heard) = mpsc::channel(WAITING);
        let task = match target {
            target::Line::WebSocket { url, protocol } => {
                let websocket = connect(url, *protocol).await?;
                tokio::spawn(talk(websocket, said, tell))
            }
            target::Line::Post { url, bearer } => {
                tokio::spawn(post(url.clone(), bearer.clone(), said, tell))
            }
        };
        Ok(Line { say, heard, task })
    }

    /// Says something. When the line is broken [`Line::hear`] tells so.
    pub(crate) async fn say(&self, text: String) {
        let _ = self.say.send(text).await;
    }

    /// What comes next; an error when the line is broken.
    pub(crate) async fn hear(&mut self) -> anyhow::Result<String> {
        let heard = self.heard.recv().await;
        heard.unwrap_or_else(|| Err(anyhow::anyhow!("the line was closed")))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(url: &str, protocol: Option<&'static str>) -> anyhow::Result<WebSocket> {
    let mut request = url.into_client_request().context("no WebSocket URL")?;
    if let Some(protocol) = protocol {
        let name = "Sec-WebSocket-Protocol";
        let headers = request.headers_mut();
        headers.insert(name, HeaderValue::from_static(protocol));
    }
    let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE_BYTES));
    let connecting = tokio_tungstenite::connect_async_with_config(request, Some(limits), true);
    let connected = timeout(PATIENCE, connecting).await;
    let answered = connected.with_context(|| format!("{url} does not answer"))?;
    Ok(answered
        .with_context(|| format!("{url} opens no WebSocket"))?
        .0)
}

async fn talk(
    mut websocket: WebSocket,
    mut said: mpsc::Receiver<String>,
    tell: mpsc::Sender<anyhow::Result<String>>,
) {
    loop {
        let told = tokio::select! {
            text = said.recv() => match text {
                Some(text) => match websocket.send(Message::text(text)).await {
                    Ok(()) => continue,
                    Err(error) => Err(error.into()),
                },
                None => return,
            },
            message = websocket.next() => match message {
                Some(Ok(Message::Text(text))) => Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(why))) => Err(closed(why)),
                None => Err(closed(None)),
                Some(Ok(_)) => continue,
                Some(Err(error)) => Err(error.into()),
            },
        };
        let broken = told.is_err();
        if tell.send(told).await.is_err() || broken {
            return;
        }
    }
}

/// Says it as the target said it.
fn closed(why: Option<CloseFrame>) -> anyhow::Error {
    match why {
        Some(why) => anyhow::anyhow!(
            "the target closed the WebSocket: {} {}",
            why.code,
            why.reason
        ),
        None => anyhow::anyhow!("the target closed the WebSocket"),
    }
}

async fn post(
    url: String,
    bearer: String,
    mut said: mpsc::Receiver<String>,
    tell: mpsc::Sender<anyhow::Result<String>>,
) {
    let mut posted = Posted::to(url.clone(), bearer);
    while let Some(text) = said.recv().await {
        let answered = timeout(PATIENCE, posted.say(text)).await;
        let answered = answered.unwrap_or_else(|_| Err(anyhow::anyhow!("{url} does not answer")));
        if tell.send(answered).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::posted::GOODBYE;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::{delete, post};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_posted_offer_is_answered_and_a_goodbye_comes_back_once_the_session_has_ended() {
        let (ended, mut sessions) = mpsc::channel(1);
        let made = async || (StatusCode::CREATED, [("location", "/session")], "theirs");
        let end = async move || ended.send(()).await.expect("somebody looks");
        let router = Router::new()
            .route("/whip", post(made))
            .route("/session", delete(end));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let serving = tokio::spawn(async { axum::serve(listener, router).await });
        let line = target::Line::Post {
            url: format!("http://{address}/whip"),
            bearer: String::new(),
        };
        let mut line = Line::open(&line).await.expect("open");
        line.say("v=0 ours".to_owned()).await;
        assert_eq!(line.hear().await.expect("an answer"), "theirs");
        line.say(GOODBYE.to_owned()).await;
        assert_eq!(line.hear().await.expect("ended"), GOODBYE);
        assert_eq!(sessions.try_recv(), Ok(()));
        serving.abort();
    }
}
