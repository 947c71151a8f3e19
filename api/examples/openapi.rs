//! Prints the description of the API, for `api/openapi.json`.

fn main() {
    print!("{}", api::openapi_text());
}
