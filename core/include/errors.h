// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// errors.h - the error numbers that cross gates.
//
// POSIX names and values, returned negative. Two are Cloister's own; nothing but the gates and
// the monitor returns those, so a caller can tell "the callee died" from every ordinary failure.
#ifndef CORE_ERRORS_H
#define CORE_ERRORS_H

#define EPERM 1      // the caller may not do this (a device that is not its own, an object of another owner)
#define ENOENT 2     // no such name
#define EIO 5        // the device failed
#define E2BIG 7      // a copied or bounced argument exceeds XHEAP_OBJECT_MAX
#define EBADF 9      // no open handle, or not opened for this (reading, writing)
#define EAGAIN 11    // nothing to do now; wait for the event and try again
#define ENOMEM 12    // the shared heap or the domain's quota is exhausted
#define EFAULT 14    // a pointer argument is not (wholly) inside one shared-heap object of another owner
#define EBUSY 16     // the object is lent out for the length of a call
#define EEXIST 17    // the name is taken
#define EXDEV 18     // a rename from one mounted file system to another
#define ENODEV 19    // no such device on this platform
#define ENOTDIR 20   // what should be a directory is none
#define EISDIR 21    // what should be a file is a directory
#define EINVAL 22    // an argument is outside its documented range
#define EMFILE 24    // the table of open handles is full
#define EFBIG 27     // the position lies beyond the largest file
#define ENOSPC 28    // the file system has no room left
#define EDEADLK 35   // a serial component was entered again by the thread that holds its lock
#define ENAMETOOLONG 36 // a path, or one name in it, is longer than the file system's limit
#define ENOTEMPTY 39 // the directory has entries
#define EMSGSIZE 90  // a datagram does not fit one frame
#define ESTALE 116   // the handle's generation is over
#define EADDRINUSE 98 // the port is taken
#define ETIMEDOUT 110 // the deadline passed first
#define EDOMAINDEAD 1001 // the callee's domain died during the call
#define ENOSTACK 1002    // the callee's stack for this thread had no room for the call

#endif
