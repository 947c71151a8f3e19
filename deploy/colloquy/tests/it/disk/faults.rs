//! Disks that take nothing for a while: the real fault, made without privileges.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::{Place, Serving, until};

/// Size of each small disk.
const DISK_MIB: u32 = 40;

/// How a disk is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Small disks in memory, in user and mount namespaces of the program's own: full, read-only.
    Tmpfs,
    /// A limit of one byte for each file, set on the running process (setrlimit(2)): every write
    /// that makes a file longer fails with EFBIG, the database's too. Needs nothing of the machine.
    FileLimit,
}

/// Whether a user may have namespaces here.
pub(crate) fn has_namespaces() -> bool {
    let tried = Command::new("unshare")
        .args(["--map-root-user", "--mount", "true"])
        .output();
    tried.is_ok_and(|tried| tried.status.success())
}

/// The disks of one program.
pub(crate) struct Disks {
    form: Form,
    process: u32,
    spool: PathBuf,
    objects: PathBuf,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    Spool,
    Objects,
}

impl Disks {
    /// Starts the program on disks that can be taken away.
    pub(crate) fn serve(form: Form, place: &mut Place) -> (Serving, Disks) {
        let folder = place.folder.path().to_owned();
        let (spool, objects) = (folder.join("spool"), folder.join("objects"));
        for (setting, dir) in [("SPOOL_DIR", &spool), ("OBJECTS_DIR", &objects)] {
            fs::create_dir(dir).expect("a folder");
            let dir = dir.to_str().expect("plain");
            place.set(&format!("RECORDER__{setting}"), dir);
        }
        let serving = match form {
            Form::FileLimit => place.serve(),
            Form::Tmpfs => {
                let mount = |dir: &Path| {
                    format!(
                        "mount -t tmpfs -o size={DISK_MIB}m tmpfs '{}'",
                        dir.display()
                    )
                };
                place.serve_apart(&format!("{}\n{}", mount(&spool), mount(&objects)))
            }
        };
        let disks = Disks {
            form,
            process: serving.process(),
            spool,
            objects,
        };
        (serving, disks)
    }

    /// Whether what happens to the disk happens to the database.
    pub(crate) fn are_also_the_database_s(&self) -> bool {
        self.form == Form::FileLimit
    }

    /// No byte more.
    pub(crate) fn fill(&self, disk: Disk) {
        if self.form == Form::FileLimit {
            return self.limit_files("1");
        }
        let path = self.ballast(disk);
        let mut ballast = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .expect("opens");
        // Large pieces first, then what is left.
        for chunk in [vec![0; 1 << 20], vec![0; 4096]] {
            let refused = loop {
                if let Err(error) = ballast.write_all(&chunk) {
                    break error;
                }
            };
            assert_eq!(refused.kind(), ErrorKind::StorageFull, "{refused}");
        }
    }

    /// Room again.
    pub(crate) fn free(&self, disk: Disk) {
        match self.form {
            Form::FileLimit => self.limit_files("unlimited"),
            Form::Tmpfs => fs::remove_file(self.ballast(disk)).expect("removes"),
        }
    }

    /// The whole disk takes nothing, or takes it again. Only small disks can do that, and only
    /// while no file on them is open for writing: after they were full.
    pub(crate) fn set_read_only(&self, disk: Disk, read_only: bool) {
        assert_eq!(self.form, Form::Tmpfs);
        let options = match read_only {
            true => "remount,ro",
            false => "remount,rw",
        };
        // The recorder tries the disk now and then: for a moment it holds a file.
        until("the disk lets go", || {
            let entered = Command::new("nsenter")
                .args(["--target", &self.process.to_string(), "--user", "--mount"])
                .args(["mount", "-o", options])
                .arg(self.dir(disk))
                .output()
                .expect("nsenter is there where unshare is");
            entered.status.success().then_some(())
        });
    }

    fn limit_files(&self, bytes: &str) {
        let limited = Command::new("prlimit")
            .args(["--pid", &self.process.to_string()])
            .arg(format!("--fsize={bytes}:unlimited"))
            .output()
            .expect("util-linux has prlimit");
        let said = String::from_utf8_lossy(&limited.stderr).into_owned();
        assert!(limited.status.success(), "{said}");
    }

    fn dir(&self, disk: Disk) -> &Path {
        match disk {
            Disk::Spool => &self.spool,
            Disk::Objects => &self.objects,
        }
    }

    /// A file on the disk as it is seen from outside its namespace.
    fn ballast(&self, disk: Disk) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.process));
        let dir = self.dir(disk).strip_prefix("/").expect("absolute");
        root.join(dir).join("ballast")
    }
}
