//! The program as an operator meets it: started, asked, stopped.

mod meeting;
mod program;
mod refusals;
mod serving;
