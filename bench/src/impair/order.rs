//! What may stand on a line.

use serde::Deserialize;
use sfu_client::impair::path::{LineChange, PathChange};
use sfu_client::impair::relay::Which;

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Set { which: Which, change: LineChange },
    Rebind(Which),
    ResetTcp,
    Clients,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Set {
    set: String,
    #[serde(default)]
    up: PathChange,
    #[serde(default)]
    down: PathChange,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rebind {
    rebind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reset {
    reset: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clients {
    clients: bool,
}

const FORMS: &str = "write {\"set\":WHICH,\"up\":{..},\"down\":{..}}, {\"rebind\":WHICH}, \
                     {\"reset\":\"tcp\"} or {\"clients\":true}";

impl Order {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever wrote it.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_slice(line).map_err(|problem| format!("not JSON: {problem}"))?;
        let is = |verb: &str| value.get(verb).is_some();
        if is("set") {
            let Set { set, up, down } = typed(value)?;
            let which = which(&set)?;
            let change = LineChange { up, down };
            Ok(Order::Set { which, change })
        } else if is("rebind") {
            match which(&typed::<Rebind>(value)?.rebind)? {
                Which::Tcp => Err("a TCP connection has one address for life: reset it".to_owned()),
                which => Ok(Order::Rebind(which)),
            }
        } else if is("reset") {
            match typed::<Reset>(value)?.reset.as_str() {
                "tcp" => Ok(Order::ResetTcp),
                _ => Err("only \"tcp\" can be reset".to_owned()),
            }
        } else if is("clients") && typed::<Clients>(value)?.clients {
            Ok(Order::Clients)
        } else {
            Err(format!("no order; {FORMS}"))
        }
    }
}

fn typed<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|problem| format!("{problem}; {FORMS}"))
}

fn which(text: &str) -> Result<Which, String> {
    match text {
        "all" => Ok(Which::All),
        "udp" => Ok(Which::Udp),
        "tcp" => Ok(Which::Tcp),
        address => address.parse().map(Which::Client).map_err(|_| {
            format!("{address:?} is not \"all\", \"udp\", \"tcp\" or a client's address with port")
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_says_what_and_for_whom() {
        let client = "127.0.0.1:5".parse().expect("an address");
        let dark = PathChange {
            blackout: Some(true),
            ..PathChange::default()
        };
        let unlimited = PathChange {
            rate_bps: Some(None),
            ..PathChange::default()
        };
        let set = |which, up, down| Order::Set {
            which,
            change: LineChange { up, down },
        };
        let same = PathChange::default();
        for (line, order) in [
            (
                r#"{"set":"udp","up":{"blackout":true}}"#,
                set(Which::Udp, dark, same),
            ),
            (
                r#"{"set":"127.0.0.1:5","down":{"rate_bps":null}}"#,
                set(Which::Client(client), same, unlimited),
            ),
            (
                r#"{"rebind":"127.0.0.1:5"}"#,
                Order::Rebind(Which::Client(client)),
            ),
            (r#"{"reset":"tcp"}"#, Order::ResetTcp),
            (r#"{"clients":true}"#, Order::Clients),
        ] {
            assert_eq!(Order::read(line.as_bytes()), Ok(order), "{line}");
        }
    }

    #[test]
    fn what_is_no_order_is_answered_by_what_is_wrong() {
        for (line, word) in [
            ("", "not JSON"),
            ("{\"set\":\"all\"", "not JSON"),
            ("[1]", "no order"),
            (r#"{"sit":"all"}"#, "no order"),
            (r#"{"set":"everyone"}"#, "everyone"),
            (r#"{"set":"all","up":{"lost_ppm":1}}"#, "lost_ppm"),
            (r#"{"set":"all","up":{"loss_ppm":-1}}"#, "-1"),
            (r#"{"set":"all","sideways":{}}"#, "sideways"),
            (r#"{"set":"all","up":{"blackout":1}}"#, "boolean"),
            (r#"{"rebind":"tcp"}"#, "reset it"),
            (r#"{"reset":"udp"}"#, "tcp"),
            (r#"{"clients":false}"#, "write"),
        ] {
            let problem = Order::read(line.as_bytes()).expect_err(line);
            assert!(problem.contains(word), "{line}: {problem}");
        }
    }
}
