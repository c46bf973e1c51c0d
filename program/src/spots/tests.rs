//! Tests of the spots: the worked examples, each rule by itself, and laws over days that nobody planned.

mod cuts;
mod examples;
mod laws;
mod memory;
mod misses;
mod shop;
