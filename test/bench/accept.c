/* The least that a held answer can cost: in place of the agent it accepts each packet of two queues at once.
   With a packet of ruleset/element-packet it first teaches the last two addresses of each datagram, as the agent does.
   Ends at SIGTERM, and prints how many packets it accepted and how many addresses were taken.
   Usage: accept QUEUE QUEUE [MARK PACKET-IN-HEX] */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESTINATION 16 /* of an IPv4 header */
#define RECORD 16      /* bytes of an A record whose name is compressed */

struct request {
    struct nlmsghdr header;
    struct nfgenmsg netfilter;
    char attributes[64];
};

static volatile sig_atomic_t ended;
static unsigned char element[128];
static size_t element_size;
static int loopback = -1;
static unsigned long taken;

static void end(int signal) { (void)signal, ended = 1; }

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void begin(struct request *request, int type, int queue)
{
    memset(request, 0, sizeof(*request));
    request->header.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg));
    request->header.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type;
    request->header.nlmsg_flags = NLM_F_REQUEST;
    request->netfilter.version = NFNETLINK_V0;
    request->netfilter.res_id = htons(queue);
}

static void put(struct request *request, int type, const void *value, size_t size)
{
    struct nlattr *attribute = (void *)((char *)request + request->header.nlmsg_len);
    attribute->nla_type = type;
    attribute->nla_len = NLA_HDRLEN + size;
    memcpy((char *)attribute + NLA_HDRLEN, value, size);
    request->header.nlmsg_len += NLA_HDRLEN + NLA_ALIGN(size);
}

static void bind_queue(int netlink, int queue)
{
    struct request request;
    struct nfqnl_msg_config_cmd command = {.command = NFQNL_CFG_CMD_BIND, .pf = htons(AF_UNSPEC)};
    struct nfqnl_msg_config_params whole = {.copy_range = htonl(0xffff), .copy_mode = NFQNL_COPY_PACKET};
    begin(&request, NFQNL_MSG_CONFIG, queue);
    put(&request, NFQA_CFG_CMD, &command, sizeof(command));
    put(&request, NFQA_CFG_PARAMS, &whole, sizeof(whole));
    if (send(netlink, &request, request.header.nlmsg_len, 0) < 0) fail("bind");
}

/* The end of a datagram is its last A record, and before it another one. */
static void teach(const unsigned char *datagram, size_t size)
{
    for (int record = 0; record < 2 && size > 64; record++) {
        memcpy(element + DESTINATION, datagram + size - 4 - record * RECORD, 4);
        if (send(loopback, element, element_size, MSG_DONTWAIT) < 0 && errno == EPERM) taken++;
    }
}

static void accept_packet(int netlink, const struct nlmsghdr *header)
{
    const struct nfgenmsg *netfilter = NLMSG_DATA(header);
    const char *end_of = (const char *)header + header->nlmsg_len;
    const char *at = (const char *)netfilter + NLMSG_ALIGN(sizeof(*netfilter));
    struct nfqnl_msg_verdict_hdr verdict = {.verdict = htonl(NF_ACCEPT)};
    struct request request;
    while (at + NLA_HDRLEN <= end_of) {
        const struct nlattr *attribute = (const void *)at;
        const void *value = at + NLA_HDRLEN;
        if (attribute->nla_len < NLA_HDRLEN) break;
        if (attribute->nla_type == NFQA_PACKET_HDR)
            verdict.id = ((const struct nfqnl_msg_packet_hdr *)value)->packet_id;
        if (attribute->nla_type == NFQA_PAYLOAD && loopback >= 0)
            teach(value, attribute->nla_len - NLA_HDRLEN);
        at += NLA_ALIGN(attribute->nla_len);
    }
    begin(&request, NFQNL_MSG_VERDICT, ntohs(netfilter->res_id));
    put(&request, NFQA_VERDICT_HDR, &verdict, sizeof(verdict));
    if (send(netlink, &request, request.header.nlmsg_len, 0) < 0) fail("verdict");
}

static void read_element(const char *mark_text, const char *hex)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned mark = strtoul(mark_text, NULL, 0), byte;
    for (; element_size < sizeof(element) && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        element[element_size++] = byte;
    loopback = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    if (loopback < 0 || setsockopt(loopback, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0 ||
        connect(loopback, (struct sockaddr *)&to, sizeof(to)) < 0)
        fail("loopback");
}

int main(int argc, char **argv)
{
    static char buffer[1 << 17] __attribute__((aligned(8)));
    struct sigaction action = {.sa_handler = end};
    unsigned long accepted = 0;
    int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
    if (netlink < 0 || argc < 3) fail("accept QUEUE QUEUE [MARK PACKET-IN-HEX]");
    sigaction(SIGTERM, &action, NULL);
    if (argc > 4) read_element(argv[3], argv[4]);
    bind_queue(netlink, atoi(argv[1]));
    bind_queue(netlink, atoi(argv[2]));
    while (!ended) {
        ssize_t size = recv(netlink, buffer, sizeof(buffer), 0);
        struct nlmsghdr *header = (void *)buffer;
        if (size < 0 && errno != EINTR && errno != ENOBUFS) fail("recv");
        for (; size > 0 && NLMSG_OK(header, (size_t)size); header = NLMSG_NEXT(header, size)) {
            if (header->nlmsg_type != (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)) continue;
            accept_packet(netlink, header);
            accepted++;
        }
    }
    printf("{\"accepted\":%lu,\"taken\":%lu}\n", accepted, taken);
    return 0;
}
