//! `colloquy bench impair`: a bad network between clients and a deployment, led by JSON lines.
//!
//! Each line on standard input is an order, each is answered by one line on standard output, and
//! the end of the input is the end. So a test in any language can lead it.

mod order;

use std::net::SocketAddr;
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use sfu_client::impair::relay::{ImpairError, Impairment, Route, Transport};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};

use order::Order;

/// A longer order is no order; whoever sends it is not followed further.
const MAX_ORDER_BYTES: u64 = 64 * 1024;

/// Between whom, and by which dice.
#[derive(Debug, Args)]
pub(crate) struct ImpairArguments {
    /// Relays datagrams, LISTEN=TARGET; may be repeated. Port 0 listens on any.
    #[arg(long, value_name = "LISTEN=TARGET")]
    udp: Vec<Between>,
    /// Relays TCP connections, LISTEN=TARGET; may be repeated.
    #[arg(long, value_name = "LISTEN=TARGET")]
    tcp: Vec<Between>,
    /// Decides what is lost and how late the rest is.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Between(Route);

impl FromStr for Between {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let address = |text: &str| {
            SocketAddr::from_str(text).map_err(|_| format!("{text:?} is no IP address with a port"))
        };
        let (listen, target) = text
            .split_once('=')
            .ok_or("write LISTEN=TARGET, such as 127.0.0.2:7882=127.0.0.1:7882")?;
        Ok(Between(Route {
            listen: address(listen)?,
            target: address(target)?,
        }))
    }
}

/// Relays until the end of standard input.
pub(crate) async fn run(args: ImpairArguments) -> anyhow::Result<()> {
    let input = BufReader::new(tokio::io::stdin());
    follow(args, input, tokio::io::stdout()).await
}

async fn follow(
    args: ImpairArguments,
    mut orders: impl AsyncBufRead + Unpin,
    mut answers: impl AsyncWrite + Unpin,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        !args.udp.is_empty() || !args.tcp.is_empty(),
        "name what to relay: --udp or --tcp LISTEN=TARGET"
    );
    let routes = |between: &[Between]| between.iter().map(|b| b.0).collect::<Vec<_>>();
    let impairment = Impairment::open(&routes(&args.udp), &routes(&args.tcp), args.seed)
        .await
        .context("cannot relay")?;
    let listening = json!({"listening": {
        "udp": impairment.listening(Transport::Udp),
        "tcp": impairment.listening(Transport::Tcp),
    }});
    say(&mut answers, &listening).await?;
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut orders).take(MAX_ORDER_BYTES);
        if bounded.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        anyhow::ensure!(
            line.ends_with(b"\n") || (line.len() as u64) < MAX_ORDER_BYTES,
            "an order has at most {MAX_ORDER_BYTES} bytes"
        );
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = match Order::read(&line) {
            Ok(order) => obey(&impairment, order).await,
            Err(problem) => Err(problem),
        };
        let answer = answer.unwrap_or_else(|problem| json!({ "error": problem }));
        say(&mut answers, &answer).await?;
    }
}

async fn say(answers: &mut (impl AsyncWrite + Unpin), answer: &Value) -> std::io::Result<()> {
    answers.write_all(format!("{answer}\n").as_bytes()).await?;
    answers.flush().await
}

async fn obey(impairment: &Impairment, order: Order) -> Result<Value, String> {
    let done = match order {
        Order::Set { which, change } => impairment.set(which, change).await,
        Order::Rebind(which) => impairment.rebind(which).await,
        Order::ResetTcp => impairment.reset_tcp().await,
        Order::Clients => {
            let clients = impairment.clients().await.map_err(in_words)?;
            return Ok(json!({ "clients": clients }));
        }
    };
    done.map(|()| json!({"ok": true})).map_err(in_words)
}

fn in_words(problem: ImpairError) -> String {
    problem.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn conversation(orders: &str) -> Vec<Value> {
        let args = ImpairArguments {
            udp: vec!["127.0.0.1:0=127.0.0.1:9".parse().expect("a route")],
            tcp: vec!["127.0.0.1:0=127.0.0.1:9".parse().expect("a route")],
            seed: 1,
        };
        let mut said = Vec::new();
        follow(args, orders.as_bytes(), &mut said)
            .await
            .expect("ends with its input");
        let said = String::from_utf8(said).expect("text");
        let parse = |line| serde_json::from_str(line).expect("JSON");
        said.lines().map(parse).collect()
    }

    #[tokio::test]
    async fn each_order_is_answered_and_the_end_of_the_input_is_the_end() {
        let answers = conversation(
            "{\"set\":\"all\",\"up\":{\"loss_ppm\":100000,\"delay_ms\":20}}\n\
             \n\
             {\"clients\":true}\n\
             {\"rebind\":\"all\"}\n\
             {\"reset\":\"tcp\"}\n\
             {\"set\":\"127.0.0.1:5\",\"down\":{\"blackout\":true}}\n\
             nonsense\n",
        )
        .await;
        assert_ne!(answers[0]["listening"]["udp"][0], "127.0.0.1:0");
        assert!(answers[0]["listening"]["tcp"][0].is_string());
        assert_eq!(answers[1], json!({"ok": true}));
        assert_eq!(answers[2], json!({"clients": []}));
        assert_eq!(answers[3], json!({"ok": true}));
        assert_eq!(answers[4], json!({"ok": true}));
        let nobody = "no client has the address 127.0.0.1:5; `clients` lists them";
        assert_eq!(answers[5], json!({ "error": nobody }));
        assert!(answers[6]["error"].is_string());
        assert_eq!(answers.len(), 7);
    }

    #[test]
    fn a_route_is_two_addresses() {
        for bad in ["127.0.0.1:1", "localhost:1=127.0.0.1:2", "127.0.0.1:1=x"] {
            assert!(bad.parse::<Between>().is_err(), "{bad}");
        }
    }
}
