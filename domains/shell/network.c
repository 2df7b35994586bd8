// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// network.c - the one network interface, as net tells.
#include "net.h"
#include "shell_commands.h"
#include "out.h"

void command_ifconfig(void) {
    struct net_status status;
    int error = net_status(&status);
    if (error < 0) {
        out_line("net does not answer: error %d", -error);
        return;
    }
    const uint8_t *a = status.address, *n = status.netmask, *g = status.gateway, *m = status.mac;
    if (status.is_up) {
        out_line("net0  address %u.%u.%u.%u  netmask %u.%u.%u.%u  gateway %u.%u.%u.%u", a[0], a[1], a[2], a[3],
                 n[0], n[1], n[2], n[3], g[0], g[1], g[2], g[3]);
        out_line("      MAC %02x:%02x:%02x:%02x:%02x:%02x  mtu %u", m[0], m[1], m[2], m[3], m[4], m[5], status.mtu);
    } else {
        out_line("net0  there is no network device (boot arguments tap=, stream=)");
    }
    out_line("      in  %12lu frames %14lu bytes %8lu dropped", status.frames_in, status.bytes_in, status.dropped_in);
    out_line("      out %12lu frames %14lu bytes %8lu dropped", status.frames_out,
             status.bytes_out, status.dropped_out);
    out_line("      %u connections of at most %u, %u listening", status.connections,
             status.connections_max, status.listeners);
}
