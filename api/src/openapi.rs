//! The description of the API (OpenAPI 3.1), from the endpoints themselves.

use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Colloquy",
        description = "Meetings and recorded interviews on your own servers. Errors are \
            RFC 9457 problems with a stable `code`; ids are UUIDv7; times are RFC 3339 in UTC; \
            lists are `{items, next}` by cursor. `x-right` says who may carry an operation out.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    modifiers(&Bearer),
)]
pub(crate) struct Description;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A person's access token, or a server's API key."))
            .build();
        api.components
            .get_or_insert_with(Default::default)
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The description as it is committed: `api/openapi.json`.
pub fn text() -> String {
    let (_, api) = crate::router::endpoints().split_for_parts();
    let mut text = api.to_pretty_json().expect("a description serialises");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_committed_description_is_what_the_endpoints_say() {
        let committed = include_str!("../openapi.json");
        assert!(
            committed == super::text(),
            "api/openapi.json is old: run `cargo run -p api --example openapi > api/openapi.json`"
        );
    }
}
