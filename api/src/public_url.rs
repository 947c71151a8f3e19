//! Where people reach this deployment. Links are made from it and never from a `Host` header.

use url::Url;

/// The base of every link, without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    base: String,
    origin: String,
    websocket_origin: String,
    host: String,
    secure: bool,
}

/// The text is not a usable base of links.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an http or https address such as https://meet.example.org")]
pub struct PublicUrlError(String);

impl PublicUrl {
    /// Reads `http(s)://host[:port][/path]`.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<PublicUrl, PublicUrlError> {
        let wrong = || PublicUrlError(text.chars().take(200).collect());
        let url = Url::parse(text).map_err(|_| wrong())?;
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(wrong()),
        };
        let has_extras = url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        if has_extras || url.host_str().is_none() {
            return Err(wrong());
        }
        let origin = url.origin().ascii_serialization();
        let host = origin
            .split_once("://")
            .map(|(_, host)| host.to_owned())
            .ok_or_else(wrong)?;
        let scheme = if secure { "wss" } else { "ws" };
        Ok(PublicUrl {
            base: format!("{origin}{}", url.path().trim_end_matches('/')),
            websocket_origin: format!("{scheme}://{host}"),
            origin,
            host,
            secure,
        })
    }

    /// A link to a path that begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Where a browser opens its signalling WebSocket.
    pub fn signalling(&self) -> String {
        let path = self.base.strip_prefix(&self.origin).unwrap_or_default();
        format!("{}{path}/rtc", self.websocket_origin)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The same for WebSockets.
    pub fn websocket_origin(&self) -> &str {
        &self.websocket_origin
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is https.
    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_from_the_base_with_or_without_a_slash() {
        for text in ["https://meet.example.org/x/", "https://meet.example.org/x"] {
            let url = PublicUrl::parse(text).expect("usable");
            assert_eq!(url.join("/j/t"), "https://meet.example.org/x/j/t");
            assert_eq!(url.signalling(), "wss://meet.example.org/x/rtc");
            assert!(url.is_secure());
        }
        let local = PublicUrl::parse("http://127.0.0.1:8080").expect("usable");
        assert_eq!(local.signalling(), "ws://127.0.0.1:8080/rtc");
        assert_eq!(local.host(), "127.0.0.1:8080");
    }

    #[test]
    fn anything_but_a_plain_web_address_is_refused() {
        for text in [
            "",
            "meet.example.org",
            "ftp://x",
            "https://a@b",
            "https://a/?q",
            "https://a/#f",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}
