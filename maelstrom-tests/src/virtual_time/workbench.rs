//! Many runs of one program, one after the other: it is started once, and copied for each.

use std::path::{Path, PathBuf};

use proto::NodeId;
use supervisor::{Supervisor, Templates};

use super::scratch::Scratch;
use super::{Keep, Trace, VirtualTimeError, make_run, seed_of_nodes, specs, supervisor_options};
use crate::harness::Record;
use crate::options::{FaultKind, Options, Preempt};
use crate::process::{full_path, note_interrupts};
use crate::progress::Progress;
use crate::store::at;

/// Makes runs that leave nothing behind. It keeps programs that have been started up to where they read
/// their input for the next run, which may have another seed.
///
/// A run is the same, call by call, as that of [`run`](super::run()): until it reads its input a node
/// depends on its name and the boot seed alone.
#[derive(Default)]
pub struct Workbench {
    started: Option<Started>,
}

struct Started {
    call: Fixed,
    /// Nothing if this program cannot be copied: then it is started for each run.
    templates: Option<Templates>,
    scratch: Scratch,
}

/// What has to be the same for runs of programs that were started together.
#[derive(Clone, PartialEq)]
struct Fixed {
    program: PathBuf,
    args: Vec<String>,
    nodes: Vec<NodeId>,
    preempt: Preempt,
    boot_seed: u64,
    watches_syncs: bool,
}

impl Workbench {
    /// Makes a run of a program.
    ///
    /// # Errors
    /// As [`run`](super::run()).
    pub fn run(
        &mut self,
        program: &Path,
        args: &[String],
        options: &Options,
        progress: &mut dyn Progress,
    ) -> Result<(Record, Trace), VirtualTimeError> {
        note_interrupts()?;
        let program = full_path(program).map_err(at(program))?;
        let call = Fixed {
            program,
            args: args.to_vec(),
            nodes: options.nodes.clone(),
            preempt: options.preempt,
            boot_seed: options.boot_seed,
            watches_syncs: options.nemesis.contains(&FaultKind::LoseUnsynced),
        };
        if self.started.as_ref().is_none_or(|started| started.call != call) {
            // What was started before stands in a directory that goes.
            self.started = None;
            self.started = Some(Started::new(call, options)?);
        }
        let Some(Started { call, templates, scratch }) = &mut self.started else {
            unreachable!("it has been set");
        };
        scratch.clear()?;
        let specs = specs(&call.program, args, options, scratch)?;
        let (supervisor, specs) = match templates {
            Some(templates) => {
                let (seed, spared) = seed_of_nodes(options);
                (Supervisor::from_templates(seed, spared, templates)?, None)
            }
            None => (Supervisor::new(supervisor_options(options, false)?)?, Some(specs)),
        };
        make_run(supervisor, specs, options, Keep::default(), progress)
    }
}

impl Started {
    fn new(call: Fixed, options: &Options) -> Result<Self, VirtualTimeError> {
        let scratch = Scratch::new()?;
        let specs = specs(&call.program, &call.args, options, &scratch)?;
        let count = specs.len();
        // A program that cannot be started is told of by the run that starts it.
        let templates = Templates::new(supervisor_options(options, false)?, specs).ok();
        // Files that a program leaves before it reads its input belong to each run, so it is started for
        // each.
        let templates = templates
            .filter(|templates| templates.copied() > 0 && count > 0)
            .filter(|_| scratch.is_empty().unwrap_or(false));
        Ok(Self { call, templates, scratch })
    }
}
