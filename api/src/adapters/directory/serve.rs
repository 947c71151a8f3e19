//! `GET /objects/{key}?expires=&signature=`: a file, whole or in part.

use std::io::{self, SeekFrom};
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::range::{Asked, ByteRange};
use super::{DirectoryObjects, key, range};
use crate::problem::{Code, Problem};

/// Read and sent at a time.
const CHUNK_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
pub(super) struct Signed {
    expires: i64,
    signature: String,
}

/// Serves a file to who has a good link. A bad link and a missing file look the same.
pub(super) async fn serve(
    State(objects): State<Arc<DirectoryObjects>>,
    Path(key): Path<String>,
    signed: Result<Query<Signed>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(signed) = signed.map_err(|_| Code::NotFound)?;
    if !key::is_valid(&key) || !objects.verify(&key, signed.expires, &signed.signature) {
        return Err(Problem::of(Code::NotFound));
    }
    let (file, length, tag) = match open(&objects.root, &key).await {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Problem::of(Code::NotFound));
        }
        Err(error) => return Err(Problem::internal(&error)),
    };
    let asked = if range_applies(&headers, &tag) {
        range::read(text(&headers, header::RANGE), length)
    } else {
        Asked::Whole
    };
    let (status, part) = match asked {
        Asked::Whole => (StatusCode::OK, None),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, Some(part)),
        Asked::Outside => return Ok(outside(length)),
    };
    let body = stream(file, part, length)
        .await
        .map_err(|error| Problem::internal(&error))?;
    let mut response = (status, body).into_response();
    describe(response.headers_mut(), &key, &tag, part, length);
    Ok(response)
}

async fn open(root: &FilePath, key: &str) -> io::Result<(File, u64, String)> {
    let root = tokio::fs::canonicalize(root).await?;
    let path = tokio::fs::canonicalize(root.join(key)).await?;
    // A link on the disk must not lead out of the store.
    if !path.starts_with(&root) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let file = File::open(path).await?;
    let metadata = file.metadata().await?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let modified = metadata
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let tag = format!("\"{:x}-{:x}\"", metadata.len(), modified.as_nanos());
    Ok((file, metadata.len(), tag))
}

/// Whether the file is still the one of which a part is asked (RFC 9110, section 13.1.5).
fn range_applies(headers: &HeaderMap, tag: &str) -> bool {
    text(headers, header::IF_RANGE).is_none_or(|known| known == tag)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

async fn stream(mut file: File, part: Option<ByteRange>, length: u64) -> io::Result<Body> {
    let (first, count) = match part {
        Some(part) => (part.first, part.last - part.first + 1),
        None => (0, length),
    };
    file.seek(SeekFrom::Start(first)).await?;
    Ok(Body::from_stream(chunks(file, count)))
}

fn chunks(file: File, count: u64) -> impl Stream<Item = io::Result<Bytes>> {
    futures::stream::try_unfold((file, count), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let want = usize::try_from(left)
            .unwrap_or(CHUNK_BYTES)
            .min(CHUNK_BYTES);
        let mut chunk = vec![0; want];
        let got = file.read(&mut chunk).await?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        chunk.truncate(got);
        let left = left - u64::try_from(got).unwrap_or(left);
        Ok(Some((Bytes::from(chunk), (file, left))))
    })
}

fn outside(length: u64) -> Response {
    let mut response = Problem::of(Code::RangeUnsatisfiable).into_response();
    if let Ok(value) = HeaderValue::from_str(&format!("bytes */{length}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

fn describe(headers: &mut HeaderMap, key: &str, tag: &str, part: Option<ByteRange>, length: u64) {
    let count = part.map_or(length, |part| part.last - part.first + 1);
    let name = key.rsplit('/').next().unwrap_or(key);
    let (kind, disposition) = content_type(name);
    let mut set = |name: header::HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_TYPE, kind);
    // Keys are plain ASCII names, so the file name needs no escaping.
    set(
        header::CONTENT_DISPOSITION,
        &format!("{disposition}; filename=\"{name}\""),
    );
    set(header::CONTENT_LENGTH, &count.to_string());
    set(header::ACCEPT_RANGES, "bytes");
    set(header::ETAG, tag);
    set(header::CACHE_CONTROL, "private, max-age=300, no-transform");
    set(
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; media-src 'self'",
    );
    if let Some(part) = part {
        set(
            header::CONTENT_RANGE,
            &format!("bytes {}-{}/{length}", part.first, part.last),
        );
    }
}

/// The type and whether a browser may show it. What is not known to be media is only saved.
fn content_type(name: &str) -> (&'static str, &'static str) {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("mp4") => ("video/mp4", "inline"),
        Some("webm") => ("video/webm", "inline"),
        Some("m4a") => ("audio/mp4", "inline"),
        Some("ogg" | "opus") => ("audio/ogg", "inline"),
        Some("json") => ("application/json", "attachment"),
        _ => ("application/octet-stream", "attachment"),
    }
}
