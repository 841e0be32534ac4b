//! `mcp`: what the command line says, for agents, by the Model Context Protocol on stdin and
//! stdout.
//!
//! | file | job |
//! |---|---|
//! | `given` | the arguments of a call, and the schema that describes them |
//! | `tools` | the tools: each reads, and none changes anything |
//! | `server` | the protocol |

mod given;
mod server;
mod tools;

use clap::Args;

use crate::endpoint::Asked;
use crate::failure::Outcome;

/// Serve an agent: the same answers by the Model Context Protocol, on stdin and stdout
#[derive(Args)]
#[command(
    after_help = "A client starts it, such as:  {\"mcpServers\": {\"perf-sdk\": {\"command\": \"perf-sdk\", \"args\": \
                        [\"mcp\", \"127.0.0.1:9464\"]}}}\n\
                        All of its tools only read. It ends when stdin does."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    asked: Asked,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    server::serve(arguments.asked.client()?)
}
