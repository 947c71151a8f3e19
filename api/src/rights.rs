//! What an endpoint asks of its caller. The router groups endpoints by it, the description says
//! it of each operation, and a test asks every operation as everybody and compares.

use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa_axum::router::OpenApiRouter;

use crate::app::SharedApp;

/// Under which name the description says it.
pub(crate) const EXTENSION: &str = "x-right";

/// Who may carry an operation out. What belongs to another organisation is not found by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// Everybody.
    Anyone,
    /// Who has the link that makes the first owner.
    SetupLink,
    /// A browser with a sign-in: its cookie.
    SignIn,
    /// Who has the invite link that is named.
    Invite,
    /// Who may enter the room: the organisation's people and servers, and guests by invite;
    /// nobody whom a host has sent out.
    Place,
    /// The organisation's people and servers.
    Organisation,
    /// A host of the room: who made it, an owner, a server.
    Host,
    /// A person of the organisation, about themselves.
    Person,
    /// An owner of the organisation.
    Owner,
}

impl Right {
    /// Every right.
    #[cfg(test)]
    pub(crate) const ALL: [Right; 9] = [
        Right::Anyone,
        Right::SetupLink,
        Right::SignIn,
        Right::Invite,
        Right::Place,
        Right::Organisation,
        Right::Host,
        Right::Person,
        Right::Owner,
    ];

    /// As the description names it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Right::Anyone => "anyone",
            Right::SetupLink => "setup_link",
            Right::SignIn => "sign_in",
            Right::Invite => "invite",
            Right::Place => "place",
            Right::Organisation => "organisation",
            Right::Host => "host",
            Right::Person => "person",
            Right::Owner => "owner",
        }
    }

    /// Says of every operation of these endpoints that it asks for this right.
    pub(crate) fn declared(
        self,
        mut endpoints: OpenApiRouter<SharedApp>,
    ) -> OpenApiRouter<SharedApp> {
        let items = &mut endpoints.get_openapi_mut().paths.paths;
        for operation in items.values_mut().flat_map(operations) {
            let said = operation.extensions.get_or_insert_with(Extensions::default);
            said.insert(EXTENSION.to_owned(), self.word().into());
        }
        endpoints
    }
}

/// Every operation of a path.
fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        options,
        head,
        patch,
        trace,
        ..
    } = item;
    [get, put, post, delete, options, head, patch, trace]
        .into_iter()
        .flatten()
}
