// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// device.c - console, TAP, source of entropy and idling: the nucleus's part of device_submit, always through the alias.
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ioctl.h>
#include <linux/poll.h>
#include <linux/socket.h>
#include <linux/time_types.h>
#include <linux/un.h>
#include "clock.h"
#include "host.h"
#include "virtio_ring.h"

#define EINTR 4 // a tick while a pipe is full: Linux's alone, it never leaves the nucleus
#define AF_UNIX_FAMILY 1   // AF_UNIX and SOCK_STREAM, which only libc's headers name
#define SOCK_STREAM_TYPE 1
#define SIGPIPE_NUMBER 13  // Linux's struct sigaction, and these: <linux/signal.h> and <linux/if.h> exclude each other
#define SIG_IGN_HANDLER 1
#define EPIPE_LINUX 32     // a socket's other end is gone: Linux's alone too
#define ECONNRESET_LINUX 104
#define NET_HEADER_BYTES 12 // struct virtio_net_hdr_v1, what tap.c expects

int device_fd[DEVICE_COUNT] = {[DEVICE_CONSOLE] = 1, [DEVICE_NET0] = -1, [DEVICE_ENTROPY] = -1};
static int console_input = 0; // -1 when standard input has ended: Linux would call it ready for ever

// A number that nobody gave us would be taken by the next file opened here, a TAP perhaps: it must be nothing instead.
void device_standard_files(void) {
    for (int fd = 0; fd < 3; fd++)
        if (SYSCALL(__NR_fcntl, fd, F_GETFD) < 0 && SYSCALL(__NR_open, "/dev/null", O_RDWR) != fd)
            die_with("standard input, output or error is closed, and /dev/null cannot stand for it; start with 0, 1 and 2 open");
}

static bool net_is_stream;

// Whether a stream's other end is gone. That is said once, and the device is no more: Linux would call it ready for ever.
static bool stream_ended(uint32_t device, uint32_t operation, uint64_t bytes, int64_t moved) {
    if (device != DEVICE_NET0 || !net_is_stream) return false;
    if (moved != -EPIPE_LINUX && moved != -ECONNRESET_LINUX && (moved || !bytes || operation != DEVICE_READ)) return false;
    static const char sentence[] = "cloister: the other end of stream= (passt) has gone: no network any more\n";
    SYSCALL(__NR_write, device_fd[DEVICE_CONSOLE], sentence, sizeof sentence - 1);
    device_fd[device] = -1;
    return true;
}

// stream=PATH names a Unix socket at which somebody (passt) speaks in frames with a length before each.
static void stream_open(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX_FAMILY};
    for (uint32_t i = 0; i < sizeof address.sun_path - 1 && path[i] && path[i] != ' '; i++) address.sun_path[i] = path[i];
    int fd = (int)SYSCALL(__NR_socket, AF_UNIX_FAMILY, SOCK_STREAM_TYPE | O_CLOEXEC, 0);
    if (fd < 0 || SYSCALL(__NR_connect, fd, &address, sizeof address) < 0 || SYSCALL(__NR_fcntl, fd, F_SETFL, O_NONBLOCK) < 0)
        die_with("cannot connect to the socket named by stream=; drivers/stream/README.md shows how to start passt there");
    // A write to a socket without another end is an error, not our death.
    struct { uint64_t handler, flags, restorer, mask; } ignore = {.handler = SIG_IGN_HANDLER};
    SYSCALL(__NR_rt_sigaction, SIGPIPE_NUMBER, &ignore, 0, 8);
    device_fd[DEVICE_NET0] = fd;
    net_is_stream = true;
}

// tun=NUMBER is a descriptor of the TUN driver that was opened before, where it has no name (scripts/tap.py, in a bare chroot).
static int tun_open(void) {
    const char *number = boot_value("tun");
    if (!number) return (int)SYSCALL(__NR_open, "/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
    int fd = 0;
    for (; *number >= '0' && *number <= '9' && fd < 1 << 20; number++) fd = fd * 10 + *number - '0';
    return fd;
}

// tap=NAME names an existing TAP interface that this process may attach to (scripts/run.py makes one).
void device_open(void) {
    const char *path = boot_value("stream"), *name = boot_value("tap");
    if (path) stream_open(path);
    if (path || !name) return;
    struct ifreq request = {0};
    for (int i = 0; i < IFNAMSIZ - 1 && name[i] && name[i] != ' '; i++) request.ifr_name[i] = name[i];
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    int fd = tun_open();
    if (fd < 0) die_with("cannot open /dev/net/tun; load the tun module, or give this user access to the device");
    if (SYSCALL(__NR_ioctl, fd, TUNSETIFF, &request) < 0)
        die_with("cannot attach to the TAP interface named by tap=; scripts/run.py makes one in a namespace of its own");
    int header = NET_HEADER_BYTES;
    if (SYSCALL(__NR_ioctl, fd, TUNSETVNETHDRSZ, &header) < 0 || SYSCALL(__NR_ioctl, fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) < 0)
        die_with("this kernel's TAP cannot offload checksums and segmentation");
    device_fd[DEVICE_NET0] = fd;
}

// Which file tells whether a device is ready to read.
static int input_of(uint32_t device) { return device == DEVICE_CONSOLE ? console_input : device_fd[device]; }

// Standard input belongs to others too (a terminal's shell), so it is not ours to make it O_NONBLOCK: the question comes before
// the read. Should somebody else take what we were promised, a tick ends the read. Returns 1 when buffer was served, else 0.
static int console_read(struct device_buffer *buffer) {
    struct pollfd polled = {.fd = console_input, .events = POLLIN};
    struct __kernel_timespec now = {0};
    if (SYSCALL(__NR_ppoll, &polled, 1, &now, 0, 0) <= 0) return 0;
    int64_t moved = SYSCALL(__NR_read, console_input, alias(buffer->address), buffer->bytes);
    if (moved == -EAGAIN || moved == -EINTR) return 0;
    if (moved <= 0) console_input = -1;
    buffer->result = moved < 0 ? -EIO : (int32_t)moved;
    return 1;
}

// The device's half of the queue in the driver's window, which the driver cannot write: Linux's generator answers at once.
static int entropy_submit(uint32_t operation) {
    if (operation != DEVICE_NOTIFY) return -EINVAL;
    struct virtio_entropy *queue = alias(WINDOW_ADDRESS(DEVICE_ENTROPY, 0));
    random_bytes(queue->words, sizeof queue->words);
    queue->used.ring[queue->used.index % VIRTIO_ENTROPY_ENTRIES] = (struct virtio_used_entry){.bytes = sizeof queue->words};
    __atomic_store_n(&queue->used.index, (uint16_t)(queue->used.index + 1), __ATOMIC_RELEASE);
    return 0;
}

int nucleus_device_submit(uint32_t device, uint32_t operation, struct device_buffer *buffers, size_t count) {
    if (device == DEVICE_ENTROPY) return entropy_submit(operation);
    if (device >= DEVICE_COUNT || (operation == DEVICE_READ ? input_of(device) : device_fd[device]) < 0) return -ENODEV;
    if (operation > DEVICE_WRITE || !memory_is_mapped((uint64_t)buffers, count * sizeof *buffers)) return -EINVAL;
    struct device_buffer *list = alias((uint64_t)buffers);
    if (device == DEVICE_CONSOLE && operation == DEVICE_READ)
        return count && memory_is_mapped(list->address, list->bytes) ? console_read(list) : -EINVAL;
    size_t done = 0;
    for (; done < count; done++) {
        struct device_buffer *buffer = &list[done];
        if (!memory_is_mapped(buffer->address, buffer->bytes)) return -EINVAL;
        int64_t moved;
        do moved = SYSCALL(operation == DEVICE_READ ? __NR_read : __NR_write, device_fd[device], alias(buffer->address), buffer->bytes);
        while (moved == -EINTR);
        if (moved == -EAGAIN) break;
        buffer->result = stream_ended(device, operation, buffer->bytes, moved) || moved < 0 ? -EIO : (int32_t)moved;
    }
    return (int)done;
}

// Linux keeps the frames of a TAP and the text of a console; nothing of them points into memory of ours.
int nucleus_device_reset(uint32_t device) { return device < DEVICE_COUNT ? 0 : -EINVAL; }

int nucleus_console_write(const char *text, size_t bytes) {
    if (!memory_is_mapped((uint64_t)text, bytes)) return -EINVAL;
    for (size_t done = 0; done < bytes;) {
        int64_t moved = SYSCALL(__NR_write, device_fd[DEVICE_CONSOLE], (char *)alias((uint64_t)text) + done, bytes - done);
        if (moved <= 0 && moved != -EAGAIN && moved != -EINTR) return -EIO;
        if (moved > 0) done += (size_t)moved;
    }
    return 0;
}

int64_t nucleus_wait(uint64_t deadline_ns, uint64_t devices) {
    for (;;) {
        uint32_t requests = __atomic_exchange_n(&nucleus_requests, 0, __ATOMIC_SEQ_CST); // a signal may add one at any instruction
        if (requests) return (requests & REQUEST_STOP ? NUCLEUS_WAIT_STOP : 0) | (requests & REQUEST_REPORT ? NUCLEUS_WAIT_REPORT : 0);
        struct pollfd polled[DEVICE_COUNT];
        uint32_t ids[DEVICE_COUNT], count = 0;
        for (uint32_t d = 0; d < DEVICE_COUNT; d++)
            if ((devices >> d & 1) && input_of(d) >= 0) {
                ids[count] = d;
                polled[count++] = (struct pollfd){.fd = input_of(d), .events = POLLIN};
            }
        uint64_t now = time_now_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
        if (!deadline_ns) left = 0;
        struct __kernel_timespec wait = {.tv_sec = (int64_t)(left / 1000000000), .tv_nsec = (int64_t)(left % 1000000000)};
        nucleus_idle = true;
        uint64_t start = __builtin_ia32_rdtsc();
        int64_t ready = SYSCALL(__NR_ppoll, polled, count, &wait, 0, 0);
        if (left) public_writable()->idle_tsc += __builtin_ia32_rdtsc() - start;
        nucleus_idle = false;
        if (ready > 0) {
            int64_t mask = 0;
            for (uint32_t i = 0; i < count; i++)
                if (polled[i].revents) mask |= 1ll << ids[i];
            return mask;
        }
        if (!ready && (!deadline_ns || time_now_ns() >= deadline_ns)) return 0;
    }
}

int nucleus_slots_read(uint32_t domain, uint32_t offset, uint64_t *out, size_t count) {
    if (!domain || domain >= domain_count || offset + 8 * count > SLOTS_BYTES || !memory_is_mapped((uint64_t)out, 8 * count)) return -EINVAL;
    uint64_t *from = slot(domain, offset), *to = alias((uint64_t)out);
    for (size_t i = 0; i < count; i++) to[i] = from[i];
    return 0;
}

int nucleus_shutdown(uint32_t status) {
    SYSCALL(__NR_exit_group, status & 255);
    __builtin_unreachable();
}
