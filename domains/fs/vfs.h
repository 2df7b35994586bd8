// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// vfs.h - what a file system provides, and how paths find it; private to fs.
//
//   fs.c  handles, arguments          path.c  paths, mounts          struct fs_operations          ram*.c  one file system
//
// A second file system is one more struct fs_operations and one more call of vfs_mount.
// Invariant: references counts the holders (walks, handles, the mount of a root); a node lives while it has a name or a holder.
// Operations are called with a valid node of their own type (files or directories as they say); arguments are checked.
// They never see "." and "..", an empty name, or a name with '/' or NUL.
#ifndef FS_VFS_H
#define FS_VFS_H

#include <stdbool.h>
#include "fs.h"

#define VFS_MOUNTS_MAX 4

struct fs_node {                 // first in a file system's own node
    struct fs_mount *mount;
    uint32_t references;
    uint32_t type;               // enum fs_type
};

// Nodes that come out of an operation are held for the caller.
struct fs_operations {
    int (*lookup)(struct fs_node *directory, const char *name, size_t bytes, struct fs_node **out); // -ENOENT
    void (*parent)(struct fs_node *directory, struct fs_node **out);                  // never asked of a root
    int (*create)(struct fs_node *directory, const char *name, size_t bytes, uint32_t type, struct fs_node **out); // -ENOSPC
    int (*remove)(struct fs_node *node);                                              // takes its name; -ENOTEMPTY
    // Moves node; replaced, of the same type, has that name now, or is NULL. -ENOTEMPTY, -ENOSPC only without replaced.
    int (*rename)(struct fs_node *node, struct fs_node *directory, const char *name, size_t bytes, struct fs_node *replaced);
    int64_t (*read)(struct fs_node *file, uint64_t offset, void *buffer, size_t bytes);
    int64_t (*write)(struct fs_node *file, uint64_t offset, const void *buffer, size_t bytes); // -ENOSPC
    int (*truncate)(struct fs_node *file, uint64_t bytes);
    int (*sync)(struct fs_node *node);
    int (*next)(struct fs_node *directory, uint64_t cursor, struct fs_entry *entry);  // 1, or 0 at the end; entry is zeroed
    void (*stat)(struct fs_node *node, struct fs_stat *out);                          // out is zeroed
    void (*release)(struct fs_node *node);                                            // nobody holds it any more
};

struct fs_mount {                // first in a file system's own state
    const struct fs_operations *operations;
    struct fs_node *root;
    struct fs_node *covered;     // the directory that it hides, held; NULL for `/`
};

struct vfs {
    struct fs_mount *mounts[VFS_MOUNTS_MAX]; // [0] is `/`
    uint32_t count;
};

// Where the last name of a path leads. bytes 0: the path ends in the directory itself (the root, "." or "..").
struct path_end {
    struct fs_node *directory;   // held
    const char *name;            // inside the path
    size_t bytes;
    bool is_directory_wanted;    // a '/' follows
};

static inline void node_hold(struct fs_node *node) { node->references++; }
void node_drop(struct fs_node *node);

// Mounts over covered (NULL, for the first: `/`). -EBUSY: something is mounted there, -ENOMEM: VFS_MOUNTS_MAX mounts.
int vfs_mount(struct vfs *vfs, struct fs_mount *mount, struct fs_node *covered);
bool vfs_is_mounted_on(const struct vfs *vfs, const struct fs_node *node);

// Follows all of path but its last name. The caller drops end->directory after a 0.
int path_follow(struct vfs *vfs, const char *path, size_t bytes, struct path_end *end);
// The node that end names, held. -ENOENT, -ENOTDIR.
int path_last(struct vfs *vfs, const struct path_end *end, struct fs_node **out);
// Is directory inside of, or the same as, ancestor? Both in one file system.
bool path_is_inside(struct fs_node *directory, const struct fs_node *ancestor);

#endif
