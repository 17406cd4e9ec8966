//! How the operator that reads pieces is sent: marked JSON. Ballista's own operators are sent as Ballista does it.

use std::sync::Arc;

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_proto::physical_plan::{PhysicalExtensionCodec, PhysicalProtoConverterExtension};
use store::Stores;

use crate::pieces::PieceOptions;
use crate::scan_exec::OrderRunsExec;

/// What the operator begins with. The number is that of the form of all that is sent: programs of different versions do not
/// work together.
const MARK: &[u8] = b"rfm-order-runs 2\n";

/// See the top of this file.
#[derive(Debug, Default)]
pub(crate) struct OrderRunsCodec {
    ballista: BallistaPhysicalExtensionCodec,
    /// Those of this machine; only an executor has them.
    stores: Option<Arc<Stores>>,
}

impl OrderRunsCodec {
    pub(crate) fn of_executor(stores: Arc<Stores>) -> OrderRunsCodec {
        OrderRunsCodec { stores: Some(stores), ..OrderRunsCodec::default() }
    }
}

impl PhysicalExtensionCodec for OrderRunsCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        context: &TaskContext,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(json) = buf.strip_prefix(MARK) else {
            return self.ballista.try_decode(buf, inputs, context, converter);
        };
        let options = serde_json::from_slice::<PieceOptions>(json);
        let (Ok(options), [input]) = (options, inputs) else {
            return Err(DataFusionError::Internal(
                "a scan of orders was sent that this version does not know".to_owned(),
            ));
        };
        Ok(Arc::new(OrderRunsExec::new(Arc::clone(input), options, self.stores.clone())))
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let Some(scan) = node.downcast_ref::<OrderRunsExec>() else {
            return self.ballista.try_encode(node, buf, converter);
        };
        buf.extend_from_slice(MARK);
        serde_json::to_writer(buf, &scan.options)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}
