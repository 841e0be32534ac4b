//! The arguments that say which endpoint is asked.

use clap::Args;

use crate::address::USUAL;
use crate::client::Client;
use crate::failure::Failure;
use crate::place::Place;
use crate::token::Token;

// Which endpoint is asked. Not a doc comment, which would be the help of each subcommand.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Asked {
    /// HOST:PORT, :PORT on this machine, unix:/path/to/socket, or a process id [default:
    /// 127.0.0.1:9464]
    #[arg(value_name = "ENDPOINT")]
    pub(crate) endpoint: Option<String>,
    #[command(flatten)]
    pub(crate) access: Access,
}

// What is sent with requests, whatever the endpoint.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Access {
    /// The profiler's token, or @FILE that has it; sent wherever the endpoint is. Without this
    /// option PERF_TOKEN is sent, to loopback addresses and Unix sockets only
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
}

impl Asked {
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        self.access.client(self.endpoint.as_deref().unwrap_or(USUAL))
    }
}

impl Access {
    pub(crate) fn client(&self, text: &str) -> Result<Client, Failure> {
        let place = Place::parse(text)?;
        let token = Token::for_endpoint(self.token.as_deref(), &place)?;
        Client::new(place, token)
    }
}
