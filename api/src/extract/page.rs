//! Lists by cursor: `?limit=&after=`, answered as `{items, next}`.

use api_store::After;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::problem::{Code, Problem};

const DEFAULT_LIMIT: u16 = 50;

/// Most items of one page; a larger wish is cut to it.
const MAX_LIMIT: u16 = 200;

/// Which page.
pub(crate) struct PageRequest {
    pub(crate) after: After,
    pub(crate) limit: u16,
}

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Page<T> {
    /// Newest first.
    pub(crate) items: Vec<T>,
    /// Give it as `after` for the next page. Null: this was the last.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

#[derive(Deserialize)]
struct PageQuery {
    after: Option<String>,
    limit: Option<u16>,
}

impl<S: Send + Sync> FromRequestParts<S> for PageRequest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let wrong = || Problem::of(Code::CursorInvalid);
        let Query(query) = Query::<PageQuery>::from_request_parts(parts, state)
            .await
            .map_err(|_| wrong())?;
        let after = match query.after {
            None => After::newest(),
            Some(cursor) => read(&cursor).ok_or_else(wrong)?,
        };
        let limit = query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        Ok(PageRequest { after, limit })
    }
}

impl PageRequest {
    /// One more than the page holds, to learn whether there is a next.
    pub(crate) fn fetch(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cuts the extra row off and makes the cursor from the last that stays.
    pub(crate) fn cut<T>(
        &self,
        mut rows: Vec<T>,
        place: impl Fn(&T) -> (i64, String),
    ) -> (Vec<T>, Option<String>) {
        let limit = usize::from(self.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|last| write(place(last)));
        (rows, next)
    }
}

fn write((at_ms, id): (i64, String)) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{at_ms}:{id}"))
}

fn read(cursor: &str) -> Option<After> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (at_ms, id) = text.split_once(':')?;
    let id: uuid::Uuid = id.parse().ok()?;
    Some(After {
        at_ms: at_ms.parse().ok()?,
        id: id.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_does_not() {
        let id = uuid::Uuid::from_u128(9).to_string();
        let after = read(&write((5, id.clone()))).expect("a cursor");
        assert_eq!(after, After { at_ms: 5, id });
        for text in ["", "x", "MTox", "OjE", "!!"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let page = PageRequest {
            after: After::newest(),
            limit: 2,
        };
        let place = |row: &i64| (*row, uuid::Uuid::nil().to_string());
        assert_eq!(page.cut(vec![1, 2], place), (vec![1, 2], None));
        let (rows, next) = page.cut(vec![1, 2, 3], place);
        assert_eq!(rows, [1, 2]);
        assert_eq!(read(&next.expect("more")).expect("a cursor").at_ms, 2);
    }
}
