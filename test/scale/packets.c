/* Sends UDP packets of devices of a home as fast as the kernel takes them, and prints the seconds that it took. A flow
   is a number: its device is 192.168.1.1 + number % DEVICES, its source port 2000 + number / DEVICES. Its destination is
   TO + number % 1000, port 9; with APPS above 0 it is TO + application * 65536 + device, where the application is
   number / DEVICES % APPS: an address of each application's own for each device (test/scale/home.ts).
   Usage: packets NETDEVICE FIRST FLOWS PACKETS DEVICES TO APPS */
#define _GNU_SOURCE /* sendmmsg */
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define AT_ONCE 64
#define PAYLOAD 18 /* the least frame of Ethernet */
#define FIRST_DEVICE 0xc0a80101u
#define FIRST_PORT 2000
#define PORT 9

struct frame {
    uint8_t to[6], from[6];
    uint16_t type;
    uint8_t version, service;
    uint16_t length, id, fragment;
    uint8_t ttl, protocol;
    uint16_t checksum;
    uint32_t source, destination;
    uint16_t source_port, destination_port, udp_length, udp_checksum;
    uint8_t payload[PAYLOAD];
} __attribute__((packed));

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint16_t checksum(const void *header)
{
    const uint8_t *bytes = header;
    uint32_t sum = 0;
    for (int at = 0; at < 20; at += 2) sum += bytes[at] << 8 | bytes[at + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    return htons(~(sum + (sum >> 16)) & 0xffff);
}

static void begin(struct frame *frame)
{
    memset(frame, 0, sizeof(*frame));
    /* Of the router, and of the devices: the last two bytes are the device. */
    memcpy(frame->to, "\x02\0\0\0\0\x01", 6);
    memcpy(frame->from, "\x02\0\0\0\x01\0", 6);
    frame->type = htons(0x0800);
    frame->version = 0x45;
    frame->length = htons(sizeof(*frame) - 14);
    frame->ttl = 64;
    frame->protocol = IPPROTO_UDP;
    frame->destination_port = htons(PORT);
    frame->udp_length = htons(8 + PAYLOAD);
}

static void address(struct frame *frame, unsigned flow, unsigned devices, uint32_t to, unsigned apps)
{
    unsigned device = flow % devices, round = flow / devices;
    frame->from[5] = device;
    frame->source = htonl(FIRST_DEVICE + device);
    frame->source_port = htons(FIRST_PORT + round);
    frame->destination = htonl(to + (apps ? (round % apps) * 65536 + device : flow % 1000));
    frame->checksum = 0;
    frame->checksum = checksum(&frame->version);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **words)
{
    static struct frame frames[AT_ONCE];
    static struct iovec parts[AT_ONCE];
    static struct mmsghdr messages[AT_ONCE];
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = 6};
    int socket_ = socket(AF_PACKET, SOCK_RAW, 0);
    unsigned first, flows, packets, devices, apps;
    struct in_addr target;

    if (count != 8 || !inet_aton(words[6], &target)) {
        fputs("Usage: packets NETDEVICE FIRST FLOWS PACKETS DEVICES TO APPS\n", stderr);
        return 1;
    }
    first = atoi(words[2]), flows = atoi(words[3]), packets = atoi(words[4]), devices = atoi(words[5]);
    apps = atoi(words[7]);
    to.sll_ifindex = if_nametoindex(words[1]);
    if (socket_ < 0 || !to.sll_ifindex || !flows || !devices) fail(words[1]);
    for (int at = 0; at < AT_ONCE; at++) {
        begin(&frames[at]);
        parts[at] = (struct iovec){&frames[at], sizeof(frames[at])};
        messages[at].msg_hdr = (struct msghdr){
            .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &parts[at], .msg_iovlen = 1};
    }
    double began = now();
    for (unsigned sent = 0; sent < packets;) {
        unsigned batch = packets - sent < AT_ONCE ? packets - sent : AT_ONCE;
        for (unsigned at = 0; at < batch; at++)
            address(&frames[at], first + (sent + at) % flows, devices, ntohl(target.s_addr), apps);
        int done = sendmmsg(socket_, messages, batch, 0);
        if (done < 0) fail("sendmmsg");
        sent += done;
    }
    printf("%.6f\n", now() - began);
    return 0;
}
