// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// path.c - paths and mounts, see vfs.h.
//
// path is private memory (copy_in), so looking at a byte twice is safe.
#include "invariant.h"
#include "string.h"
#include "vfs.h"

void node_drop(struct fs_node *node) {
    invariant(node->references > 0);
    if (--node->references == 0)
        node->mount->operations->release(node);
}

int vfs_mount(struct vfs *vfs, struct fs_mount *mount, struct fs_node *covered) {
    if (vfs->count == VFS_MOUNTS_MAX)
        return -ENOMEM;
    invariant((covered == NULL) == (vfs->count == 0));
    if (covered) {
        if (vfs_is_mounted_on(vfs, covered))
            return -EBUSY;
        node_hold(covered);
    }
    mount->covered = covered;
    node_hold(mount->root);
    vfs->mounts[vfs->count++] = mount;
    return 0;
}

static struct fs_mount *mounted_on(const struct vfs *vfs, const struct fs_node *node) {
    for (uint32_t i = 1; i < vfs->count; i++)
        if (vfs->mounts[i]->covered == node)
            return vfs->mounts[i];
    return NULL;
}

bool vfs_is_mounted_on(const struct vfs *vfs, const struct fs_node *node) {
    return mounted_on(vfs, node) != NULL || node == node->mount->root;
}

static bool is_dot(const char *name, size_t bytes) { return bytes == 1 && name[0] == '.'; }
static bool is_dot_dot(const char *name, size_t bytes) { return bytes == 2 && name[0] == '.' && name[1] == '.'; }

// One name on from directory, through mounts in both directions. *out is held.
static int step(struct vfs *vfs, struct fs_node *directory, const char *name, size_t bytes, struct fs_node **out) {
    if (directory->type != FS_TYPE_DIRECTORY)
        return -ENOTDIR;
    if (is_dot_dot(name, bytes)) {
        while (directory == directory->mount->root && directory->mount->covered)
            directory = directory->mount->covered;
        if (directory != directory->mount->root) {
            directory->mount->operations->parent(directory, out);
            return 0;
        }
    }
    if (is_dot(name, bytes) || is_dot_dot(name, bytes)) { // the parent of the root is the root
        *out = directory;
        node_hold(directory);
        return 0;
    }
    int result = directory->mount->operations->lookup(directory, name, bytes, out);
    struct fs_mount *mount = result == 0 ? mounted_on(vfs, *out) : NULL;
    if (mount) {
        node_hold(mount->root);
        node_drop(*out);
        *out = mount->root;
    }
    return result;
}

static int path_check(const char *path, size_t bytes) {
    if (bytes == 0)
        return -ENOENT;
    if (!path)
        return -EFAULT;
    if (bytes > FS_PATH_MAX)
        return bytes > COPY_MAX ? -E2BIG : -ENAMETOOLONG;
    if (path[0] != '/' || memchr(path, 0, bytes))
        return -EINVAL;
    return 0;
}

int path_follow(struct vfs *vfs, const char *path, size_t bytes, struct path_end *end) {
    int result = path_check(path, bytes);
    if (result < 0)
        return result;
    struct fs_node *at = vfs->mounts[0]->root;
    node_hold(at);
    *end = (struct path_end){.is_directory_wanted = true};
    for (size_t i = 0; i < bytes;) {
        size_t start = i;
        while (i < bytes && path[i] != '/')
            i++;
        size_t name_bytes = i - start, next = i;
        while (next < bytes && path[next] == '/')
            next++;
        const char *name = path + start;
        bool is_last = next == bytes, is_special = is_dot(name, name_bytes) || is_dot_dot(name, name_bytes);
        i = next;
        if (name_bytes == 0) // the leading slashes
            continue;
        result = name_bytes > FS_NAME_MAX ? -ENAMETOOLONG : at->type != FS_TYPE_DIRECTORY ? -ENOTDIR : 0;
        if (result == 0 && is_last && !is_special) {
            *end = (struct path_end){at, name, name_bytes, path[bytes - 1] == '/'};
            return 0;
        }
        struct fs_node *reached = NULL;
        if (result == 0)
            result = step(vfs, at, name, name_bytes, &reached);
        node_drop(at);
        if (result < 0)
            return result;
        at = reached;
    }
    end->directory = at;
    return 0;
}

int path_last(struct vfs *vfs, const struct path_end *end, struct fs_node **out) {
    if (end->bytes == 0) {
        *out = end->directory;
        node_hold(end->directory);
        return 0;
    }
    int result = step(vfs, end->directory, end->name, end->bytes, out);
    if (result == 0 && end->is_directory_wanted && (*out)->type != FS_TYPE_DIRECTORY) {
        node_drop(*out);
        return -ENOTDIR;
    }
    return result;
}

bool path_is_inside(struct fs_node *directory, const struct fs_node *ancestor) {
    bool found = directory == ancestor;
    node_hold(directory);
    while (!found && directory != directory->mount->root) {
        struct fs_node *parent = NULL;
        directory->mount->operations->parent(directory, &parent);
        node_drop(directory);
        directory = parent;
        found = directory == ancestor;
    }
    node_drop(directory);
    return found;
}
