//! `orchestrion program schema`.

use std::process::ExitCode;

use clap::Args;
use orchestrion_program::model;

use super::say_json;

/// `orchestrion program schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  orchestrion program schema > program.schema.json

Editors that know JSON Schema (draft 2020-12) then complete a program and explain it while it is written; in VS Code:
  \"json.schemas\": [{\"fileMatch\": [\"program.json\"], \"url\": \"./program.schema.json\"}]
A schema knows which keys there are; `orchestrion program check` knows what they mean together.")]
pub struct SchemaArgs {}

impl SchemaArgs {
    /// Prints it.
    pub fn run(self) -> ExitCode {
        say_json(&model::schema());
        ExitCode::SUCCESS
    }
}
