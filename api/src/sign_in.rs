//! Beginning, renewing and ending a sign-in: the answer, the cookie and the rows behind them.

use api_store::refresh::{self, NewToken};
use api_store::user::UserRow;
use axum::http::HeaderMap;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use uuid::Uuid;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::random;
use crate::tokens::access::{ACCESS_LIFETIME_MS, Access};
use crate::tokens::refresh::{REFRESH_LIFETIME_MS, Verdict, judge, successor};
use crate::tokens::{self, MAX_TOKEN_BYTES};
use crate::views::{AuthAnswer, Timestamp, UserView};

/// The cookie that carries the refresh token.
pub(crate) const REFRESH_COOKIE: &str = "colloquy_refresh";

/// Where the browser sends it, and nowhere else.
const COOKIE_PATH: &str = "/api/auth";

/// Begins a sign-in of a person.
pub(crate) async fn begin(
    app: &App,
    user: &UserRow,
) -> Result<(CookieJar, axum::Json<AuthAnswer>), Problem> {
    let now_ms = app.now_ms();
    let (token, family) = (random::secret(), app.new_id());
    let stored = NewToken {
        hash: &tokens::hash(&token),
        issued_at_ms: now_ms,
        expires_at_ms: now_ms + REFRESH_LIFETIME_MS,
    };
    refresh::begin(&app.store, user.organisation, user.id, family, &stored).await?;
    Ok((jar(app, token), axum::Json(answer(app, user, family))))
}

/// Renews a sign-in by its refresh token.
pub(crate) async fn renew(
    app: &App,
    headers: &HeaderMap,
) -> Result<(CookieJar, axum::Json<AuthAnswer>), Problem> {
    let ended = || Problem::of(Code::RefreshInvalid);
    let token = shown(headers).ok_or_else(ended)?;
    let (now_ms, hash) = (app.now_ms(), tokens::hash(&token));
    let row = refresh::find(&app.store, &hash).await?.ok_or_else(ended)?;
    let next = successor(&app.keys.refresh, &token);
    match judge(&row, now_ms) {
        Verdict::Dead => return Err(ended()),
        Verdict::Reuse => {
            tracing::warn!(
                user = %row.user,
                "an old refresh token came back; the sign-in is ended on every device that has it"
            );
            refresh::revoke_family(&app.store, row.organisation, row.family, now_ms).await?;
            return Err(ended());
        }
        Verdict::Repeat => {}
        Verdict::Rotate => {
            let stored = NewToken {
                hash: &tokens::hash(&next),
                issued_at_ms: now_ms,
                expires_at_ms: now_ms + REFRESH_LIFETIME_MS,
            };
            refresh::rotate(&app.store, row.organisation, row.family, &hash, &stored).await?;
        }
    }
    let user = api_store::user::find(&app.store, row.organisation, row.user)
        .await?
        .ok_or_else(ended)?;
    Ok((jar(app, next), axum::Json(answer(app, &user, row.family))))
}

/// Ends the sign-in of the refresh token, if there is one, and takes the cookie away.
pub(crate) async fn end(app: &App, headers: &HeaderMap) -> Result<CookieJar, Problem> {
    if let Some(token) = shown(headers)
        && let Some(row) = refresh::find(&app.store, &tokens::hash(&token)).await?
    {
        refresh::revoke_family(&app.store, row.organisation, row.family, app.now_ms()).await?;
    }
    let mut gone = cookie(app, String::new());
    gone.set_max_age(time::Duration::ZERO);
    Ok(CookieJar::new().add(gone))
}

fn shown(headers: &HeaderMap) -> Option<String> {
    let token = CookieJar::from_headers(headers)
        .get(REFRESH_COOKIE)?
        .value()
        .to_owned();
    (!token.is_empty() && token.len() <= MAX_TOKEN_BYTES).then_some(token)
}

fn answer(app: &App, user: &UserRow, family: Uuid) -> AuthAnswer {
    let now_ms = app.now_ms();
    let access = Access {
        user: user.id,
        organisation: user.organisation,
        family,
    };
    AuthAnswer {
        access_token: app.keys.access.sign(&access, now_ms, ACCESS_LIFETIME_MS),
        expires_at: Timestamp((now_ms + ACCESS_LIFETIME_MS).div_euclid(1_000) * 1_000),
        user: UserView::from(user),
    }
}

fn jar(app: &App, token: String) -> CookieJar {
    CookieJar::new().add(cookie(app, token))
}

fn cookie(app: &App, token: String) -> Cookie<'static> {
    Cookie::build((REFRESH_COOKIE, token))
        .path(COOKIE_PATH)
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(app.public_url.is_secure())
        .max_age(time::Duration::milliseconds(REFRESH_LIFETIME_MS))
        .build()
}
