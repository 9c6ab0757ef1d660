//! Which provider runs how many nodes of a session's graph.

use std::ffi::{CStr, c_char};
use std::ptr;

use ort::AsPointer;
use ort::session::Session;

/// Name of the provider that runs everything on the CPU.
pub(super) const CPU_PROVIDER: &str = "CPUExecutionProvider";

/// Setting of a session that records the placement of its nodes.
pub(super) const RECORD_PLACEMENT: (&str, &str) = ("session.record_ep_graph_assignment_info", "1");

/// Number of nodes that one provider runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Name of the provider in ONNX Runtime.
    pub provider: String,
    pub nodes: usize,
}

/// The placement of the nodes of `session`, which has the setting
/// [`RECORD_PLACEMENT`]; empty if the library does not report it.
pub(super) fn placement(session: &Session) -> Vec<Placement> {
    let api = ort::api();
    let (mut graphs, mut count) = (ptr::null(), 0);
    // SAFETY: the session is alive, and both pointers are those of variables. The
    // array and all below it belong to the session.
    let found = unsafe {
        let status = (api.Session_GetEpGraphAssignmentInfo)(session.ptr(), &mut graphs, &mut count);
        ort::Error::result_from_status(status)
    };
    if found.is_err() || graphs.is_null() {
        return Vec::new();
    }
    // SAFETY: the library has returned `count` pointers.
    let graphs = unsafe { std::slice::from_raw_parts(graphs, count) };
    let mut placements: Vec<Placement> = Vec::new();
    for &graph in graphs {
        let (mut name, mut list, mut nodes) = (ptr::null::<c_char>(), ptr::null(), 0);
        // SAFETY: `graph` comes from the library, the other pointers are those of
        // variables.
        let known = unsafe {
            let named = (api.EpAssignedSubgraph_GetEpName)(graph, &mut name);
            let listed = (api.EpAssignedSubgraph_GetNodes)(graph, &mut list, &mut nodes);
            ort::Error::result_from_status(named).and(ort::Error::result_from_status(listed))
        };
        if known.is_err() || name.is_null() {
            continue;
        }
        // SAFETY: a string of the library that ends with a zero byte.
        let provider = unsafe { CStr::from_ptr(name) }
            .to_string_lossy()
            .to_string();
        match placements.iter_mut().find(|p| p.provider == provider) {
            Some(placement) => placement.nodes += nodes,
            None => placements.push(Placement { provider, nodes }),
        }
    }
    placements
}
