/* The native module whp:generation: reads the generation number of nf_tables when the script asks for it,
   and at an interval, where it calls the script only when the number has changed: a wake-up of the
   script costs several times what a reading does.
   The kernel's own notice of a change is not used: with a listener it makes one for each element of
   each transaction of every program. */
#include "generation.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "args.h"
#include "attribute.h"
#include "module.h"

enum { MOST_MILLISECONDS = 60000, ROOM = 1024 };

static int timer = -1, netlink = -1;
/* 0: not read yet, or it could not be read. */
static uint32_t last;

/* The generation number in an answer of nf_tables; 0: there is none. */
static uint32_t number_in(const uint8_t *bytes, size_t size)
{
    const size_t header = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
    struct nlmsghdr head;
    if (size < header)
        return 0;
    memcpy(&head, bytes, sizeof(head));
    if (head.nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) || head.nlmsg_len > size)
        return 0;
    size_t at = header;
    struct attribute one;
    uint32_t number;
    while (next_attribute(bytes, head.nlmsg_len, &at, &one) == WALK_FOUND)
        if (one.type == NFTA_GEN_ID && one.size == sizeof(number)) {
            memcpy(&number, bytes + one.body, sizeof(number));
            return ntohl(number);
        }
    return 0;
}

uint32_t generation_number(int *fd)
{
    if (*fd < 0)
        *fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    struct {
        struct nlmsghdr head;
        struct nfgenmsg netfilter;
    } question = {{.nlmsg_len = sizeof(question),
                   .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN,
                   .nlmsg_flags = NLM_F_REQUEST},
                  {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0}};
    uint8_t bytes[ROOM];
    uint32_t number = 0;
    struct sockaddr_nl from;
    socklen_t length = sizeof(from);
    ssize_t size;
    if (send(*fd, &question, sizeof(question), MSG_DONTWAIT) < 0)
        return 0;
    while ((size = recvfrom(*fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&from,
                            &length)) >= 0) {
        if (length == sizeof(from) && from.nl_pid == 0)
            number = number_in(bytes, (size_t)size);
        length = sizeof(from);
    }
    return number;
}

bool generation_wake(int fd)
{
    uint64_t expirations;
    if (fd != timer)
        return true;
    ssize_t ignored = read(timer, &expirations, sizeof(expirations));
    (void)ignored;
    uint32_t number = generation_number(&netlink);
    if (number != 0 && number == last)
        return false;
    last = number;
    return true;
}

static void close_timer(void)
{
    if (timer >= 0)
        close(timer);
    timer = -1;
    last = 0;
}

static JSValue generation_open(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    int64_t milliseconds;
    if (whole(ctx, argv[0], "milliseconds", 1, MOST_MILLISECONDS, &milliseconds))
        return JS_EXCEPTION;
    if (timer >= 0)
        return JS_NewInt32(ctx, -EALREADY);
    struct timespec interval = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    struct itimerspec times = {interval, interval};
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (timer < 0 || timerfd_settime(timer, 0, &times, NULL) < 0) {
        int error = errno;
        close_timer();
        return JS_NewInt32(ctx, -error);
    }
    return JS_NewInt32(ctx, timer);
}

static JSValue generation_close(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    close_timer();
    return JS_UNDEFINED;
}

static JSValue generation_read(JSContext *ctx, JSValueConst self, int argc, JSValueConst *argv)
{
    return JS_NewUint32(ctx, generation_number(&netlink));
}

static const JSCFunctionListEntry exports[] = {
    JS_CFUNC_DEF("open", 1, generation_open),
    JS_CFUNC_DEF("close", 0, generation_close),
    JS_CFUNC_DEF("read", 0, generation_read),
};

NATIVE_MODULE(whp_generation_module)
