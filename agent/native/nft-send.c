/* The kernel makes the changes of a transaction, and queues what it says of them, before send() returns. It asks for no
   second try: it loads modules and repeats by itself, and a transaction without the number of a generation meets no
   other one (ERESTART). */
#include "nft-send.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ANSWERS = 1 << 18, /* bytes that may be queued: an answer for each message that is refused */
    HEADERS = 1024,    /* the kernel counts more bytes than the datagram has */
};

static int open_socket(size_t size)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    int room = (int)size + HEADERS, answers = ANSWERS, on = 1;
    if (fd < 0)
        return fd;
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    /* The forced option exceeds the system's limit, and needs CAP_NET_ADMIN. */
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &answers, sizeof(answers)) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &answers, sizeof(answers));
    return fd;
}

/* What the answers in bytes[0, size) say: the first refusal, and whether there is an acknowledgement. */
static void read_answers(const uint8_t *bytes, size_t size, int *error, unsigned *line, bool *is_done)
{
    struct nlmsghdr head;
    struct nlmsgerr answer;
    while (size >= sizeof(head)) {
        memcpy(&head, bytes, sizeof(head));
        if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > size)
            return;
        if (head.nlmsg_type == NLMSG_ERROR && head.nlmsg_len >= sizeof(head) + sizeof(answer)) {
            memcpy(&answer, bytes + sizeof(head), sizeof(answer));
            if (answer.error == 0)
                *is_done = true;
            else if (*error == 0) {
                *error = -answer.error;
                *line = head.nlmsg_seq;
            }
        }
        size_t next = NLMSG_ALIGN(head.nlmsg_len);
        if (next >= size)
            return;
        bytes += next;
        size -= next;
    }
}

int send_batch(const struct bytes *batch, unsigned *line, int *owner)
{
    uint8_t answer[4096];
    int error = 0, lost = 0;
    bool is_done = false;
    *line = 0;
    int fd = open_socket(batch->size);
    if (fd < 0)
        return errno;
    ssize_t got;
    do
        got = send(fd, batch->at, batch->size, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        error = errno;
    while (got >= 0) {
        struct sockaddr_nl from = {0};
        socklen_t length = sizeof(from);
        ssize_t size = recvfrom(fd, answer, sizeof(answer), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (size >= 0) {
            if (from.nl_pid == 0) /* the kernel's */
                read_answers(answer, (size_t)size, &error, line, &is_done);
        } else if (errno == ENOBUFS)
            lost = ENOBUFS;
        else if (errno != EINTR)
            break;
    }
    if (error == 0)
        error = lost ? lost : is_done ? 0 : EIO;
    if (owner && error == 0)
        *owner = fd;
    else
        close(fd);
    return error;
}
