//! The protocol: what tools there are, and their calls.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool as Described, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};

use super::given::schema;
use super::tools::{TOOLS, Tool};
use crate::client::Client;
use crate::failure::{Failure, Outcome, Status};

/// One endpoint, for one agent.
struct Server {
    client: Arc<Client>,
}

const INSTRUCTIONS: &str = "Answers about one running program that has the profiler perf-sdk in it. All tools only read. Begin \
                            with status; then functions (CPU, p99), history (since when), memory, changes, findings, \
                            slowest_calls. Names of fields have their unit: _seconds, _bytes, _cores, _ratio, _per_second, \
                            _unix_seconds. A field that is absent is not known; it is not 0.";

/// Until stdin ends.
pub(super) fn serve(client: Client) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(format!("cannot wait for requests: {error}")))?;
    // Its own runtime must not be dropped within this one, so one of both owners is here.
    let client = Arc::new(client);
    let server = Server { client: Arc::clone(&client) };
    let served = runtime.block_on(async {
        let running = server.serve(rmcp::transport::stdio()).await.map_err(|error| error.to_string())?;
        running.waiting().await.map_err(|error| error.to_string())
    });
    // A read of stdin may go on, which nothing can end.
    runtime.shutdown_background();
    drop(client);
    served.map_err(|error| Failure::new(format!("the session with the agent failed: {error}")))?;
    Ok(Status::Well)
}

fn described(tool: &Tool) -> Described {
    let described = Described::new(tool.name, tool.about, schema(tool.arguments));
    described.with_annotations(ToolAnnotations::default().read_only(true))
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("perf-sdk", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(TOOLS.iter().map(described).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = TOOLS.iter().find(|tool| tool.name == request.name) else {
            let names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
            let text = format!("there is no tool {:?}; there are: {}", request.name, names.join(", "));
            return Err(ErrorData::invalid_params(text, None));
        };
        let client = Arc::clone(&self.client);
        let call = move || tool.call(&client, request.arguments.unwrap_or_default());
        // The client waits with a runtime of its own.
        let answer = tokio::task::spawn_blocking(call).await;
        let answer = answer.unwrap_or_else(|error| Err(format!("the tool failed: {error}")));
        let result = match answer {
            Ok(answer) => CallToolResult::success(vec![ContentBlock::text(answer.to_string())]),
            Err(text) => CallToolResult::error(vec![ContentBlock::text(text)]),
        };
        Ok(result.into())
    }
}
