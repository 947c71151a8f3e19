//! The program as an operator meets it: started, asked, stopped.

mod bench;
mod capacity;
mod disk;
mod limits;
mod meeting;
mod program;
mod refusals;
mod rough;
mod serving;
mod siege;
mod stopping;
mod stranger;
mod strict;
mod tls_front;
mod turn;
mod visitor;
mod watched;
