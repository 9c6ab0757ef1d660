//! The open backend of a model, which is opened again when its device is lost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::sync::lock;

/// Losses of a device without a batch in between after which it is given up.
const MAX_LOSSES: usize = 3;

/// Opens the backend of a model: at its first text, and when its device is lost.
pub trait BackendFactory: Send + Sync {
    fn open(&self) -> Result<Box<dyn Backend>>;

    /// The precision of the session, if it is known before the session is open.
    fn precision(&self) -> Result<Option<&'static str>> {
        Ok(None)
    }
}

impl<F: Fn() -> Result<Box<dyn Backend>> + Send + Sync> BackendFactory for F {
    fn open(&self) -> Result<Box<dyn Backend>> {
        self()
    }
}

/// An open backend, and properties of it that are read without waiting for a batch.
pub(super) struct OpenBackend {
    pub device: String,
    pub placement: Option<String>,
    pub precision: &'static str,
    pub batch_tokens: usize,
    state: Mutex<State>,
    lost: AtomicBool,
}

struct State {
    /// `None` once the device is given up.
    backend: Option<Box<dyn Backend>>,
    /// Losses of the device since its last batch.
    losses: usize,
}

impl OpenBackend {
    /// # Errors
    /// Those of the factory.
    pub fn open(factory: &dyn BackendFactory) -> Result<Self> {
        let backend = factory.open()?;
        Ok(Self {
            device: backend.device().to_string(),
            placement: backend.placement(),
            precision: backend.precision(),
            batch_tokens: backend.batch_tokens(),
            state: Mutex::new(State {
                backend: Some(backend),
                losses: 0,
            }),
            lost: AtomicBool::new(false),
        })
    }

    /// Whether the device was given up.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Relaxed)
    }

    /// As [`Backend::encode`]. A lost device is opened again by the factory, and the
    /// batch fails as one that a smaller batch may replace; a batch of one text is
    /// repeated.
    ///
    /// # Errors
    /// Those of the backend; [`Error::Setup`] if the device does not open again, opens
    /// with other vectors, or is lost several times in a row.
    pub fn encode(
        &self,
        factory: &dyn BackendFactory,
        texts: &[&[u32]],
        dims: usize,
        vectors: &mut Vec<f32>,
    ) -> Result<usize> {
        let mut state = lock(&self.state);
        let result = self.run(&mut state, factory, texts, dims, vectors);
        if matches!(result, Err(Error::Setup(_))) {
            // It computes nothing, or does not open again; a new one may.
            state.backend = None;
            self.lost.store(true, Relaxed);
        }
        result
    }

    fn run(
        &self,
        state: &mut State,
        factory: &dyn BackendFactory,
        texts: &[&[u32]],
        dims: usize,
        vectors: &mut Vec<f32>,
    ) -> Result<usize> {
        let start = vectors.len();
        loop {
            let Some(backend) = &mut state.backend else {
                return Err(self.given_up("an earlier batch failed there"));
            };
            let reason = match backend.encode(texts, dims, vectors) {
                Err(Error::DeviceLost(reason)) => reason,
                result => {
                    if result.is_ok() {
                        state.losses = 0;
                    }
                    return result;
                }
            };
            vectors.truncate(start);
            state.losses += 1;
            // A driver may open a device only once the lost one is closed.
            state.backend = None;
            if state.losses >= MAX_LOSSES {
                return Err(self.given_up(&reason));
            }
            state.backend = Some(self.reopen(factory, &reason)?);
            if texts.len() > 1 {
                return Err(Error::Failed(format!(
                    "device {} was lost: {reason}",
                    self.device
                )));
            }
        }
    }

    /// Opens the backend again. All vectors of a query are of one device and precision.
    fn reopen(&self, factory: &dyn BackendFactory, reason: &str) -> Result<Box<dyn Backend>> {
        let opened = factory.open().and_then(|backend| {
            let (device, precision) = (backend.device(), backend.precision());
            if (device, precision) == (&self.device, self.precision) {
                return Ok(backend);
            }
            Err(Error::Setup(format!(
                "the model now opens on {device} in {precision}, not in {} as before",
                self.precision
            )))
        });
        opened.map_err(|error| self.given_up(&format!("{reason}; {error}")))
    }

    fn given_up(&self, reason: &str) -> Error {
        Error::Setup(format!(
            "device {} was lost: {reason}. The next query opens the model again; \
             SET ai.device = 'cpu' runs it without the device",
            self.device
        ))
    }
}
