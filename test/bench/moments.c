/* Notes when the ruleset changed and when a queue was bound, until SIGTERM: a line "MILLISECONDS GENERATION" for the
   first generation and for each other one, a line "MILLISECONDS bound" once. CLOCK_MONOTONIC. It asks every 2 ms: for a
   listener the kernel writes a notification of 4 KiB for each element of a transaction, more than the router's memory;
   a script that asks as often would take from the agent the time that is measured.
   Usage: moments QUEUE (0: none is waited for) */
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EACH_MICROSECONDS 2000
#define QUEUES "/proc/net/netfilter/nfnetlink_queue"

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static uint32_t generation(int netlink)
{
    struct {
        struct nlmsghdr header;
        struct nfgenmsg netfilter;
    } request = {
        .header.nlmsg_len = sizeof(request),
        .header.nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
        .header.nlmsg_flags = NLM_F_REQUEST,
    };
    char reply[4096] __attribute__((aligned(8)));
    struct nlmsghdr *header = (void *)reply;
    struct nlattr *attribute = (void *)(reply + NLMSG_LENGTH(sizeof(struct nfgenmsg)));
    uint32_t id;

    if (send(netlink, &request, sizeof(request), 0) < 0) fail("send");
    if (recv(netlink, reply, sizeof(reply), 0) < 0) fail("recv");
    if (header->nlmsg_type == NLMSG_ERROR || attribute->nla_type != NFTA_GEN_ID) {
        fputs("moments: no generation\n", stderr);
        exit(1);
    }
    memcpy(&id, attribute + 1, sizeof(id));
    return ntohl(id);
}

static int is_bound(unsigned wanted)
{
    char line[256];
    unsigned number;
    int found = 0;
    FILE *file = fopen(QUEUES, "r");

    while (file && fgets(line, sizeof(line), file))
        found |= sscanf(line, "%u", &number) == 1 && number == wanted;
    if (file) fclose(file);
    return found;
}

int main(int count, char **words)
{
    unsigned queue = count == 2 ? strtoul(words[1], NULL, 10) : 0;
    int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    uint32_t last = 0, seen;

    if (count != 2) {
        fputs("Usage: moments QUEUE\n", stderr);
        return 1;
    }
    if (netlink < 0) fail("socket");
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (;; usleep(EACH_MICROSECONDS)) {
        if ((seen = generation(netlink)) != last) printf("%.3f %u\n", now(), last = seen);
        if (queue != 0 && is_bound(queue)) {
            printf("%.3f bound\n", now());
            queue = 0;
        }
    }
}
