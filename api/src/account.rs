//! Making an account that leads an organisation of its own.

use api_store::user::{UserRole, UserRow};
use sfu_protocol::ids::{OrganisationId, UserId};

use crate::app::App;
use crate::check::Check;
use crate::problem::Problem;

/// An account that can be made.
pub(crate) struct NewAccount {
    pub(crate) name: String,
    pub(crate) email: String,
    password: String,
}

impl NewAccount {
    /// Checks what a person wrote.
    pub(crate) fn check(name: &str, email: &str, password: &str) -> Result<NewAccount, Problem> {
        let mut check = Check::default();
        let account = NewAccount {
            name: check.name("name", name),
            email: check.email("email", email),
            password: password.to_owned(),
        };
        check.password("password", password);
        check.done()?;
        Ok(account)
    }
}

/// The owner of a new organisation.
pub(crate) async fn owner(app: &App, account: NewAccount) -> Result<UserRow, Problem> {
    Ok(UserRow {
        id: UserId(app.new_id()),
        organisation: OrganisationId(app.new_id()),
        password_hash: app.passwords.hash(&account.password).await?,
        email: account.email,
        name: account.name,
        role: UserRole::Owner,
        created_at_ms: app.now_ms(),
    })
}

/// What a new organisation is called until somebody names it.
pub(crate) fn organisation_name(owner_name: &str) -> String {
    format!("{owner_name}'s organisation")
}
