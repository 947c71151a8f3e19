//! Rules for the fields of request bodies.

use crate::passwords::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS};
use crate::problem::{FieldError, Problem};

/// Longest name of a person, a key or a room's title.
const MAX_NAME_CHARS: usize = 80;

/// RFC 5321, section 4.5.3.1.3.
const MAX_EMAIL_BYTES: usize = 254;

/// Collects what is wrong with a body, so that a person learns all of it at once.
#[derive(Default)]
pub(crate) struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    /// A name shown to others: trimmed, 1 to 80 characters, none of them a control character.
    pub(crate) fn name(&mut self, field: &'static str, text: &str) -> String {
        let name = text.trim().to_owned();
        let count = name.chars().count();
        if count == 0 || count > MAX_NAME_CHARS {
            self.refuse(field, format!("1 to {MAX_NAME_CHARS} characters"));
        } else if name.chars().any(is_unshowable) {
            self.refuse(field, "no control characters".to_owned());
        }
        name
    }

    /// An address in its one form: trimmed, lower case.
    pub(crate) fn email(&mut self, field: &'static str, text: &str) -> String {
        let email = normalised_email(text);
        let parts = email.split_once('@');
        let usable = email.len() <= MAX_EMAIL_BYTES
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
            && parts.is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            });
        if !usable {
            self.refuse(field, "an address such as ada@example.org".to_owned());
        }
        email
    }

    /// A new password. Length is what counts (NIST SP 800-63B, section 5.1.1.2).
    pub(crate) fn password(&mut self, field: &'static str, text: &str) {
        let long_enough = text.chars().count() >= MIN_PASSWORD_CHARS;
        if !long_enough || text.len() > MAX_PASSWORD_BYTES {
            let bounds = format!("{MIN_PASSWORD_CHARS} characters to {MAX_PASSWORD_BYTES} bytes");
            self.refuse(field, bounds);
        }
    }

    /// Notes that a field is wrong.
    pub(crate) fn refuse(&mut self, field: &'static str, message: String) {
        self.errors.push(FieldError { field, message });
    }

    /// Refuses the request if anything was wrong.
    pub(crate) fn done(self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.errors))
        }
    }
}

/// The one form in which addresses are stored, looked up and counted.
pub(crate) fn normalised_email(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Control characters, and those that turn the direction of the text around them.
fn is_unshowable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let mut check = Check::default();
        check.name("name", "  ");
        check.email("email", "ada");
        check.password("password", "short");
        let fields: Vec<_> = check.errors.iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "email", "password"]);
        assert!(check.done().is_err());
    }

    #[test]
    fn names_are_trimmed_and_what_cannot_be_shown_is_refused() {
        let mut check = Check::default();
        assert_eq!(check.name("name", " Ada Łovelace "), "Ada Łovelace");
        assert_eq!(check.name("name", &"é".repeat(80)).chars().count(), 80);
        check.done().expect("both are fine");
        for text in ["a\nb", "a\u{202E}b", &"x".repeat(81)] {
            let mut check = Check::default();
            check.name("name", text);
            assert!(check.done().is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses_have_one_form() {
        let mut check = Check::default();
        assert_eq!(check.email("email", " Ada@Example.ORG "), "ada@example.org");
        check.done().expect("usable");
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            &format!("{}@b", "a".repeat(254)),
        ] {
            let mut check = Check::default();
            check.email("email", text);
            assert!(check.done().is_err(), "{text:?}");
        }
    }
}
