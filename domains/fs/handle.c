// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// handle.c - what one does with an open file; see fs.h. fs.c opens and closes.
//
// Invariant: 0 <= position; a handle that writes is no directory.
#include "state.h"
#include "string.h"

_Static_assert(FS_ENTRIES_MAX == FS_IO_MAX / sizeof(struct fs_entry), "as fs.h says");

int handle_find(fs_file_t handle, struct open_file **out) {
    if (handle < 0 || (handle & 0xffff) >= FS_OPEN_MAX || handle >> 16 == 0)
        return -EBADF;
    *out = &fs_state.files[handle & 0xffff];
    return (*out)->node && fs_kept.generations[handle & 0xffff] == handle >> 16 ? 0 : -ESTALE;
}

int handle_find_file(fs_file_t handle, uint32_t access, struct open_file **out) {
    int result = handle_find(handle, out);
    if (result < 0)
        return result;
    if (!((*out)->flags & access))
        return -EBADF;
    return (*out)->node->type == FS_TYPE_FILE ? 0 : -EISDIR;
}

static const struct fs_operations *operations_of(const struct open_file *open) { return open->node->mount->operations; }

static uint64_t size_of(const struct open_file *open) {
    struct fs_stat stat = {0};
    operations_of(open)->stat(open->node, &stat);
    return stat.bytes;
}

// What every transfer has to pass. Returns 1 to go on, or the result.
static int transfer_check(const void *buffer, size_t bytes, int64_t offset) {
    if (offset < 0)
        return -EINVAL;
    if (bytes > FS_IO_MAX)
        return -E2BIG;
    if (bytes == 0)
        return 0;
    return buffer ? 1 : -EFAULT;
}

static int64_t read_at(struct open_file *open, void *buffer, size_t bytes, int64_t offset) {
    int result = transfer_check(buffer, bytes, offset);
    return result <= 0 ? result : operations_of(open)->read(open->node, (uint64_t)offset, buffer, bytes);
}

static int64_t write_at(struct open_file *open, const void *buffer, size_t bytes, int64_t offset) {
    int result = transfer_check(buffer, bytes, offset);
    if (result <= 0)
        return result;
    if (offset >= FS_FILE_BYTES_MAX)
        return -EFBIG;
    if ((int64_t)bytes > FS_FILE_BYTES_MAX - offset)
        bytes = (size_t)(FS_FILE_BYTES_MAX - offset);
    return operations_of(open)->write(open->node, (uint64_t)offset, buffer, bytes);
}

int64_t fs_read(fs_file_t file, void *buffer, size_t bytes) {
    struct open_file *open;
    int64_t result = handle_find_file(file, FS_READ, &open);
    if (result == 0)
        result = read_at(open, buffer, bytes, open->position);
    if (result > 0)
        open->position += result;
    return result;
}

int64_t fs_pread(fs_file_t file, void *buffer, size_t bytes, int64_t offset) {
    struct open_file *open;
    int result = handle_find_file(file, FS_READ, &open);
    return result < 0 ? result : read_at(open, buffer, bytes, offset);
}

int64_t fs_write(fs_file_t file, const void *buffer, size_t bytes) {
    struct open_file *open;
    int64_t result = handle_find_file(file, FS_WRITE, &open);
    if (result < 0)
        return result;
    int64_t offset = open->flags & FS_APPEND ? (int64_t)size_of(open) : open->position;
    result = write_at(open, buffer, bytes, offset);
    if (result > 0)
        open->position = offset + result;
    return result;
}

int64_t fs_pwrite(fs_file_t file, const void *buffer, size_t bytes, int64_t offset) {
    struct open_file *open;
    int result = handle_find_file(file, FS_WRITE, &open);
    return result < 0 ? result : write_at(open, buffer, bytes, offset);
}

int64_t fs_seek(fs_file_t file, int64_t offset, uint32_t origin) {
    struct open_file *open;
    int64_t position;
    int result = handle_find_file(file, FS_READ | FS_WRITE, &open);
    if (result < 0)
        return result;
    if (origin > FS_SEEK_END)
        return -EINVAL;
    int64_t base = origin == FS_SEEK_SET ? 0 : origin == FS_SEEK_CURRENT ? open->position : (int64_t)size_of(open);
    if (__builtin_add_overflow(base, offset, &position) || position < 0)
        return -EINVAL;
    return open->position = position;
}

int fs_truncate(fs_file_t file, int64_t bytes) {
    struct open_file *open;
    int result = handle_find_file(file, FS_WRITE, &open);
    if (result < 0)
        return result;
    if (bytes < 0)
        return -EINVAL;
    if (bytes > FS_FILE_BYTES_MAX)
        return -EFBIG;
    return operations_of(open)->truncate(open->node, (uint64_t)bytes);
}

int fs_sync(fs_file_t file) {
    struct open_file *open;
    int result = handle_find(file, &open);
    return result < 0 ? result : operations_of(open)->sync(open->node);
}

int fs_fstat(fs_file_t file, struct fs_stat *out) {
    struct open_file *open;
    struct fs_stat stat = {0};
    int result = handle_find(file, &open);
    if (result < 0)
        return result;
    if (!out)
        return -EFAULT;
    operations_of(open)->stat(open->node, &stat);
    memcpy(out, &stat, sizeof(stat));
    return 0;
}

int fs_readdir(fs_file_t directory, uint64_t cursor, struct fs_entry *entries, uint32_t count) {
    struct open_file *open;
    int result = handle_find(directory, &open);
    if (result < 0)
        return result;
    if (open->node->type != FS_TYPE_DIRECTORY)
        return -ENOTDIR;
    if (count == 0)
        return -EINVAL;
    if (count > FS_ENTRIES_MAX)
        return -E2BIG;
    if (!entries)
        return -EFAULT;
    uint32_t filled = 0;
    for (; filled < count; filled++) {
        struct fs_entry entry = {0}; // the caller may change what it lent: the cursor is kept here
        if (operations_of(open)->next(open->node, cursor, &entry) <= 0)
            break;
        cursor = entry.cursor;
        memcpy(&entries[filled], &entry, sizeof(entry));
    }
    return (int)filled;
}
