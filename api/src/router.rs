//! Every route, grouped by who calls it.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use crate::app::SharedApp;
use crate::extract::MAX_BODY_BYTES;
use crate::headers::DOCS_PATH;
use crate::openapi::Description;
use crate::problem::{Code, Problem};
use crate::rights::Right;
use crate::routes::{auth, invites, keys, me, recordings, rooms, sessions, setup};
use crate::{headers, metrics, web};

/// How long a request may take. The slowest, a sign-in in a crowd, waits for seconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The endpoints under `/api`. Each stands under the right that it asks for.
pub(crate) fn endpoints() -> OpenApiRouter<SharedApp> {
    let anyone = OpenApiRouter::new()
        .routes(routes!(setup::read::read))
        .routes(routes!(auth::register::register))
        .routes(routes!(auth::login::login))
        .routes(routes!(auth::logout::logout));
    let first_owner = OpenApiRouter::new().routes(routes!(setup::complete::complete));
    let browsers = OpenApiRouter::new().routes(routes!(auth::refresh::refresh));
    let invited = OpenApiRouter::new().routes(routes!(invites::read::read));
    let participants = OpenApiRouter::new().routes(routes!(rooms::join::join));
    let organisation = OpenApiRouter::new()
        .routes(routes!(rooms::create::create, rooms::list::list))
        .routes(routes!(rooms::read::read))
        .routes(routes!(recordings::read::read))
        .routes(routes!(sessions::list::list))
        .routes(routes!(sessions::read::read));
    let hosts = OpenApiRouter::new()
        .routes(routes!(rooms::end::end))
        .routes(routes!(rooms::demo::demo))
        .routes(routes!(rooms::record::record))
        .routes(routes!(rooms::renew_invite::renew))
        .routes(routes!(recordings::stop::stop))
        .routes(routes!(recordings::retry::retry));
    let people = OpenApiRouter::new().routes(routes!(me::read::read, me::update::update));
    let owners = OpenApiRouter::new()
        .routes(routes!(keys::create::create, keys::list::list))
        .routes(routes!(keys::delete::delete));
    OpenApiRouter::with_openapi(Description::openapi())
        .merge(Right::Anyone.declared(anyone))
        .merge(Right::SetupLink.declared(first_owner))
        .merge(Right::SignIn.declared(browsers))
        .merge(Right::Invite.declared(invited))
        .merge(Right::Place.declared(participants))
        .merge(Right::Organisation.declared(organisation))
        .merge(Right::Host.declared(hosts))
        .merge(Right::Person.declared(people))
        .merge(Right::Owner.declared(owners))
}

/// Everything under `/api` and `/objects`, and the web app for the rest.
pub(crate) fn all(app: SharedApp, objects: Router) -> Router {
    let (endpoints, description) = endpoints().split_for_parts();
    let docs = SwaggerUi::new(DOCS_PATH).url("/api/openapi.json", description);
    let api = endpoints
        .with_state(app.clone())
        .merge(docs)
        .route("/api", axum::routing::any(nothing))
        .route("/api/{*rest}", axum::routing::any(nothing))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(in_time));
    let pages = Router::new()
        .fallback(web::serve)
        .layer(CompressionLayer::new());
    api.merge(objects)
        .fallback_service(pages)
        .layer(CatchPanicLayer::custom(
            |_: Box<dyn std::any::Any + Send>| {
                Problem::internal(&"a handler panicked").into_response()
            },
        ))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            metrics::measure,
        ))
        .layer(middleware::from_fn_with_state(app, headers::dress))
}

async fn nothing() -> Problem {
    Problem::of(Code::NotFound)
}

async fn wrong_method() -> Problem {
    Problem::of(Code::MethodNotAllowed)
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::of(Code::Timeout).into_response(),
    }
}
