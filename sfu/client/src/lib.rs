//! A participant without a browser.
