//! Serialization of scans of files of text.

use std::sync::Arc;

use datafusion::common::internal_datafusion_err;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{
    PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::PhysicalPlanNode;
use prost::Message;

/// Encoded scan of files of text.
#[derive(Clone, PartialEq, Message)]
pub struct TextScanNode {
    /// How the text is read ([`semql::encode_text_scan`]).
    #[prost(bytes = "vec", tag = "1")]
    reading: Vec<u8>,
    /// The scan with a source of the engine.
    #[prost(bytes = "vec", tag = "2")]
    scan: Vec<u8>,
}

impl TextScanNode {
    /// Encodes a scan of files of text; `None` for another node.
    pub fn encode_scan(
        node: &Arc<dyn ExecutionPlan>,
        codec: &dyn PhysicalExtensionCodec,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Option<Self>> {
        let Some(scan) = file_scan(node) else {
            return Ok(None);
        };
        let Some((reading, scan)) = semql::encode_text_scan(scan)? else {
            return Ok(None);
        };
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(scan);
        let scan = converter.execution_plan_to_proto(&scan, codec)?;
        let scan = scan.encode_to_vec();
        Ok(Some(Self { reading, scan }))
    }

    /// Restores the scan.
    pub fn decode_scan(
        &self,
        context: &PhysicalPlanDecodeContext<'_>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = PhysicalPlanNode::decode(self.scan.as_slice())
            .map_err(|error| internal_datafusion_err!("cannot decode a scan: {error}"))?;
        let plan = converter.proto_to_execution_plan(&plan, context)?;
        let scan = file_scan(&plan)
            .ok_or_else(|| internal_datafusion_err!("cannot decode a scan: another node"))?;
        let scan = semql::decode_text_scan(&self.reading, scan)?;
        Ok(DataSourceExec::from_data_source(scan))
    }
}

/// Scan of files; `None` for another node.
pub fn file_scan(plan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    let exec = plan.downcast_ref::<DataSourceExec>()?;
    exec.data_source().downcast_ref::<FileScanConfig>()
}
