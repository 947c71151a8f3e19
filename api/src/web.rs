//! The web app, embedded from `web/dist` when this crate is built.
//!
//! A path that is no file is a page of the app: it gets `index.html`, and the app's own router
//! reads the path. Files under `assets/` have a hash in their name and never change.

use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../web/dist"]
struct Dist;

/// Where the build puts files whose name changes with their content.
const HASHED: &str = "assets/";

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><title>Colloquy</title>\
    <h1>The web app is not built</h1>\
    <p>This server was built without it. Run <code>npm ci &amp;&amp; npm run build</code> in \
    <code>web/</code>, or <code>make run</code>, which does it all.</p></html>";

/// Serves a file or a page of the app.
pub(crate) async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Dist::get(path) {
        return answer(path, file);
    }
    // A missing asset must fail as one: a page in its place would be cached and read as a script.
    if path.starts_with(HASHED) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match Dist::get("index.html") {
        Some(file) => answer("index.html", file),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile) -> Response {
    let kind = HeaderValue::from_str(file.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let caching = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
    ];
    (headers, file.data.into_owned()).into_response()
}
