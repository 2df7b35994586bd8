// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fs.h - files and directories.
//
// Interface:
//   fs_open, fs_close                       a path becomes a handle
//   fs_read, fs_write, fs_seek              at the handle's position, which they move
//   fs_pread, fs_pwrite, fs_truncate, fs_sync
//   fs_stat, fs_fstat, fs_readdir           what is there
//   fs_unlink, fs_rename, fs_mkdir, fs_rmdir
//   fs_statistics                           what the file system holds, for people and tests
//
// Semantics and error names are those of POSIX; what differs is said. One tree, mounted at `/`: a file system in
// memory.
// A path is absolute: names of 1 to FS_NAME_MAX bytes other than '/' and NUL, joined by '/'; "." and ".." mean what
// they mean everywhere, a trailing '/' demands a directory. There is no current directory, link, owner or permission.
//
// Every function that takes a path can fail with
//   -ENOENT        the path is empty, or a directory in it, or (but for creation) what it names, does not exist
//   -ENOTDIR       what stands before a '/' is no directory
//   -EINVAL        the path does not begin with '/', or contains NUL
//   -ENAMETOOLONG  a name is longer than FS_NAME_MAX, or the path longer than FS_PATH_MAX (-E2BIG: than COPY_MAX)
// and every function that takes a handle with
//   -EBADF         it is no handle, or was not opened for this
//   -ESTALE        it was closed, or fs was restarted
// Every function that lends memory fails with -EFAULT for NULL (unless nothing is to cross). An error changes nothing,
// but for the contents of lend_out memory, which are unspecified beyond what a result says.
//
// A handle is generation << 16 | index. It belongs to nobody: a domain that calls fs can use, or guess, the handles of
// others, as it can open every path. Serial: one caller at a time, in every placement. No function blocks for longer.
// Invariant: after any error, -ENOSPC included, every file and directory is as it was before the call. After a restart
// in the middle of a call, which the caller sees as -EDOMAINDEAD, they are as before or as after it; of a write, that
// holds for each block of 4 KiB.
// Files survive a restart of fs, handles do not. Nothing survives the end of the system.
// Source of the idea: POSIX.1-2017; the batched, cursor-addressed readdir is that of getdents(2) and NFS.
#ifndef FS_H
#define FS_H

#include <stddef.h>
#include <stdint.h>
#include "gate.h"
#include "errors.h"

#define FS_PATH_MAX 512
#define FS_NAME_MAX 255
#define FS_OPEN_MAX 256                    // handles at a time, of all callers together
#define FS_IO_MAX 65536                    // bytes per call: what one shared-heap object holds
#define FS_FILE_BYTES_MAX (INT64_C(1) << 39)

typedef int32_t fs_file_t;                 // not negative

enum fs_open_flag {
    FS_READ = 1,
    FS_WRITE = 2,
    FS_CREATE = 4,                         // makes an empty file when there is none
    FS_EXCLUSIVE = 8,                      // with FS_CREATE: fails when there is one
    FS_TRUNCATE = 16,                      // with FS_WRITE: the file is emptied
    FS_APPEND = 32,                        // with FS_WRITE: fs_write always writes at the end (fs_pwrite does not)
    FS_DIRECTORY = 64,                     // what is opened must be a directory; includes FS_READ
};

enum fs_seek_origin { FS_SEEK_SET, FS_SEEK_CURRENT, FS_SEEK_END };

enum fs_type { FS_TYPE_FILE = 1, FS_TYPE_DIRECTORY = 2 };

struct fs_stat {
    uint64_t bytes;                        // of a file; of a directory the number of its entries
    uint64_t allocated_bytes;              // memory that the contents take
    uint64_t number;                       // of this file or directory, never used again
    uint64_t modified_ns;                  // wall clock, of the last change of contents
    uint32_t type;                         // enum fs_type
    uint32_t pad;
};

struct fs_entry {
    uint64_t cursor;                       // continues after this entry
    uint64_t number;                       // as in struct fs_stat
    uint32_t type;                         // enum fs_type
    uint32_t name_bytes;
    char name[FS_NAME_MAX + 1];            // ends with NUL
};
#define FS_ENTRIES_MAX (FS_IO_MAX / 280)   // per call

struct fs_statistics {
    uint64_t used_bytes, limit_bytes;      // memory: held, and at most
    uint64_t nodes;                        // files and directories, the root and unlinked open files included
    uint64_t open_handles;
};

// Called by the monitor at boot and after every restart. With persist_valid 0 the file system is empty. With 1 it has
// the files that the generation before left, after they were checked; when they are not consistent it is empty but
// for /lost+found/restart-<generation>, which has the evidence, and a line says why. No handle is open, and all old
// ones are -ESTALE. Returns 0; -ENOMEM when FS_FILES_KIB is too small for a file system. Takes time in proportion to
// the memory that the files take, not to FS_FILES_KIB.
GATE(fs) int fs_init(uint32_t generation, int persist_valid);

// Opens what path names, and returns the handle; its position is 0. flags: of enum fs_open_flag, at least one of
// FS_READ, FS_WRITE, FS_DIRECTORY. A file stays until its last handle is closed, also when its name goes.
// -EEXIST: FS_EXCLUSIVE, and the name is taken. -EISDIR: a directory with FS_WRITE or FS_CREATE, or a new name that
// ends in '/'. -ENOTDIR: a file with FS_DIRECTORY or a trailing '/'. -EMFILE: FS_OPEN_MAX handles are open. -ENOSPC: no
// room for a new file. -EINVAL: unknown flags, none of the three, FS_TRUNCATE or FS_APPEND without FS_WRITE,
// FS_EXCLUSIVE without FS_CREATE, FS_CREATE with FS_DIRECTORY. Does not block.
GATE(fs) int fs_open(copy_in(path_bytes) const char *path, size_t path_bytes, uint32_t flags);

// Ends the handle, and the file too when that was the last one and its name is gone. Returns 0. Does not block.
GATE(fs) int fs_close(fs_file_t file);

// Reads up to bytes bytes, at the position, which moves, or at offset. Returns how many, fewer only at the end of the
// file, 0 there. The rest of buffer is unspecified. -EISDIR: a directory. -E2BIG: bytes above FS_IO_MAX. -EINVAL: a
// negative offset. Does not block.
GATE(fs) int64_t fs_read(fs_file_t file, lend_out(bytes) void *buffer, size_t bytes);
GATE(fs) int64_t fs_pread(fs_file_t file, lend_out(bytes) void *buffer, size_t bytes, int64_t offset);

// Writes up to bytes bytes, at the position (FS_APPEND: at the end), which moves, or at offset; a gap before it reads
// as zeros. Each byte of buffer is read once. Returns how many were written, fewer only when the file system is full or
// the file at FS_FILE_BYTES_MAX. -ENOSPC: no room for the first byte. -EFBIG: it would lie beyond FS_FILE_BYTES_MAX.
// -E2BIG: bytes above FS_IO_MAX. -EINVAL: a negative offset. Does not block.
GATE(fs) int64_t fs_write(fs_file_t file, lend_in(bytes) const void *buffer, size_t bytes);
GATE(fs) int64_t fs_pwrite(fs_file_t file, lend_in(bytes) const void *buffer, size_t bytes, int64_t offset);

// Moves the position to offset, counted from origin (enum fs_seek_origin), also beyond the end. Returns the new
// position; -EINVAL when that would be negative or no int64_t, or for another origin; -EISDIR: a directory. Does not
// block.
GATE(fs) int64_t fs_seek(fs_file_t file, int64_t offset, uint32_t origin);

// Cuts the file to bytes, or extends it with zeros, which take no memory. Returns 0. -EINVAL: negative. -EFBIG: above
// FS_FILE_BYTES_MAX. Takes time in proportion to what is cut. Does not block.
GATE(fs) int fs_truncate(fs_file_t file, int64_t bytes);

// Returns 0 when what was written so far would survive a power failure as well as it ever will. For files in memory
// that is at once, and means nothing: it does nothing. Does not block.
GATE(fs) int fs_sync(fs_file_t file);

// Describes what path names, or what file was opened as. Returns 0. Does not block.
GATE(fs) int fs_stat(copy_in(path_bytes) const char *path, size_t path_bytes,
                     lend_out(sizeof(struct fs_stat)) struct fs_stat *out);
GATE(fs) int fs_fstat(fs_file_t file, lend_out(sizeof(struct fs_stat)) struct fs_stat *out);

// Fills entries with up to count entries of directory, from cursor on: 0 at first, then the cursor of the last entry
// received. Returns how many; 0 at the end. "." and ".." do not appear. The order is arbitrary; what is there all the
// time and keeps its name is seen exactly once, what comes or goes meanwhile may or may not be.
// -ENOTDIR: a file. -EINVAL: count is 0. -E2BIG: count above FS_ENTRIES_MAX. Does not block.
GATE(fs) int fs_readdir(fs_file_t directory, uint64_t cursor,
                        lend_out(count * sizeof(struct fs_entry)) struct fs_entry *entries, uint32_t count);

// Removes the name of a file; the contents go with the last handle. Returns 0. -EISDIR: a directory. Does not block.
GATE(fs) int fs_unlink(copy_in(path_bytes) const char *path, size_t path_bytes);

// Gives what from names the name to, in one step: whoever looks sees the old state or the new one. What had the name
// before (a file for a file, an empty directory for a directory) loses it, as by fs_unlink and fs_rmdir; replacing
// needs no memory, so it cannot fail for want of room. Two names of one file: nothing happens. Returns 0.
// -EISDIR: to is a directory, from is none. -ENOTDIR: the reverse, or a trailing '/' after a file. -ENOTEMPTY: to has
// entries.
// -EINVAL: to lies inside from; or either is the root, or ends in "." or "..". -EXDEV: another file system. -EBUSY: a
// file system is mounted on one of them. -ENOSPC: no room for a new name. Does not block.
GATE(fs) int fs_rename(copy_in(from_bytes) const char *from, size_t from_bytes,
                       copy_in(to_bytes) const char *to, size_t to_bytes);

// Makes an empty directory. Returns 0. -EEXIST: the name is taken (the root's always is). -ENOSPC: no room. Does not
// block.
GATE(fs) int fs_mkdir(copy_in(path_bytes) const char *path, size_t path_bytes);

// Removes an empty directory; its handles stay good, and see it empty. Returns 0. -ENOTDIR: a file. -ENOTEMPTY: it has
// entries. -EINVAL: the root, or the path ends in "." or "..". -EBUSY: a file system is mounted on it. Does not block.
GATE(fs) int fs_rmdir(copy_in(path_bytes) const char *path, size_t path_bytes);

// Fills *out. Returns 0. Does not block.
GATE(fs) int fs_statistics(lend_out(sizeof(struct fs_statistics)) struct fs_statistics *out);

#endif
