//! Tests of the choice: the worked examples, laws against a slow and simple reading of the same rules, and a year.

mod examples;
mod laws;
mod orders;
mod reasons;
mod room;
mod year;
