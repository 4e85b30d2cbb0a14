/* The feeds, and the thread that reads them: it judges each packet as soon as it arrives, also while
   the script runs. What the script has to read waits for it in two rows of each feed, in the order of
   its arrival: first what it has to decide, then what is KNOWN. Where there is no thread
   (WHP_GLANCE=0, no memory), the script's receive() does the same. */
#include "feeds.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FEEDS = 8,
    TURN = 16,         /* datagrams of one call: as many as the script reads in one turn */
    ROW = 1 << 18,     /* bytes that may wait for the script in a row */
    LONGEST = 0x11000, /* of a datagram: a packet of 64 KiB, and its attributes */
    CHEAP = 1 << 14,   /* bytes of a row whose memory is kept */
    STACK = 1 << 16,
    MOST_NOTED = 1 << 15, /* bytes of noted queries that wait; with more, the script gets no further ones */
};

/* A datagram that waits, before its bytes. `result`: its size, or -errno. `packets`: how many have
   taught what it tells. */
struct waiting {
    int32_t result;
    uint32_t is_known, packets;
    struct sockaddr_nl from;
};

struct row {
    uint8_t *bytes;    /* ROW of them */
    size_t first, end; /* it is empty: both are 0 */
};

/* The rows of a feed, in the order in which the script reads them. */
enum { URGENT, LATER, ROWS };

struct feed {
    bool is_open;
    enum kind kind;
    int fd;
    int ready; /* eventfd: not 0 while a row is not empty */
    struct row rows[ROWS];
    uint32_t counts[FEED_COUNTS];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct feed feeds[FEEDS];
static bool is_allowed, has_reader, is_ending;
static pthread_t reader;
static int changed = -1; /* eventfd: the reader has to look which feeds there are */
static unsigned rounds;  /* of the reader; it looks at each */
static unsigned taken;   /* packets that have taught what the script has taken */
static pthread_cond_t has_come_round = PTHREAD_COND_INITIALIZER;

void feeds_lock(void)
{
    pthread_mutex_lock(&lock);
}

void feeds_unlock(void)
{
    pthread_mutex_unlock(&lock);
}

static struct feed *feed_of(int fd)
{
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        if (one->is_open && one->fd == fd)
            return one;
    return NULL;
}

static void set(int event)
{
    uint64_t one = 1;
    ssize_t ignored = write(event, &one, sizeof(one));
    (void)ignored;
}

static void clear(int event)
{
    uint64_t count;
    ssize_t ignored = read(event, &count, sizeof(count));
    (void)ignored;
}

/* --- rows ----------------------------------------------------------------------------------- */

static size_t space_for(size_t size)
{
    return sizeof(struct waiting) + ((size + 7) & ~(size_t)7);
}

/* Bytes behind the head of a datagram. */
static size_t bytes_of(const struct waiting *head)
{
    size_t size = head->result < 0 ? 0 : (size_t)head->result;
    return size < LONGEST ? size : LONGEST;
}

/* Whether each row has room for a datagram. What was read of a full row makes some, a quarter of it at a
   time: a row that stays full would be moved for each datagram. */
static bool has_room(struct feed *feed)
{
    bool has = true;
    for (struct row *one = feed->rows; one < feed->rows + ROWS; one++) {
        if (ROW - one->end < space_for(LONGEST) && one->first >= ROW / 4) {
            memmove(one->bytes, one->bytes + one->first, one->end - one->first);
            one->end -= one->first;
            one->first = 0;
        }
        has = has && ROW - one->end >= space_for(LONGEST);
    }
    return has;
}

/* Bytes that the script has not read. */
static size_t waits(const struct row *row)
{
    return row->end - row->first;
}

/* The first of `rows` rows with something in it; NULL: none. */
static struct row *waiting_row(struct feed *feed, int rows)
{
    for (struct row *one = feed->rows; one < feed->rows + rows; one++)
        if (one->first < one->end)
            return one;
    return NULL;
}

/* Appends what `feed` has received, behind the end of its first row, to a row of `to`. */
static void append(const struct feed *feed, struct feed *to, const struct waiting *head, bool is_urgent)
{
    struct row *row = &to->rows[is_urgent ? URGENT : LATER];
    bool was_empty = !waiting_row(to, ROWS);
    if (feed != to || !is_urgent)
        memcpy(row->bytes + row->end + sizeof(*head),
               feed->rows[URGENT].bytes + feed->rows[URGENT].end + sizeof(*head), bytes_of(head));
    memcpy(row->bytes + row->end, head, sizeof(*head));
    row->end += space_for(bytes_of(head));
    if (was_empty)
        set(to->ready);
}

/* Where the script reads what the host program has taught: elements are read in the order in which they
   were sent, so answers of both queues wait in one row. NULL: it has no room, and nothing may be taught. */
static struct feed *taught_row(struct feed *feed)
{
    if (feed->kind != BEHIND)
        return feed;
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        if (one->is_open && one->kind == HELD)
            return has_room(one) ? one : NULL;
    return NULL;
}

static void empty(struct row *row)
{
    if (row->end > CHEAP)
        madvise(row->bytes, ROW, MADV_DONTNEED);
    row->first = row->end = 0;
}

/* --- reading -------------------------------------------------------------------------------- */

enum found { FOUND, NOTHING, MORE };

static void hear(void);

/* Receives one datagram, judges it, and appends it to a row if the script has to read it. */
static enum found read_one(struct feed *feed)
{
    struct waiting head = {0};
    socklen_t length = sizeof(head.from);
    uint8_t *bytes = feed->rows[URGENT].bytes + feed->rows[URGENT].end + sizeof(head);
    enum judgment judged = FOR_SCRIPT;
    struct feed *taught = taught_row(feed);
    ssize_t size = recvfrom(feed->fd, bytes, LONGEST, MSG_DONTWAIT | MSG_TRUNC,
                            (struct sockaddr *)&head.from, &length);
    head.result = size < 0 ? -errno : (int)size;
    if (head.result == -EAGAIN) {
        feed->counts[FEED_ROW] = 0;
        return NOTHING;
    }
    if (size >= 0) {
        feed->counts[FEED_ROW]++;
        if (is_allowed && size <= LONGEST && head.from.nl_pid == 0)
            judged = judge_packet(feed->kind, feed->fd, bytes, (size_t)size, taught, hear, &head.packets);
        if (judged == KNOWN && feed->kind == LOGGED && waits(&feed->rows[LATER]) > MOST_NOTED)
            judged = DONE;
        if (judged == DONE) {
            feed->counts[FEED_DEALT]++;
            return MORE;
        }
        head.is_known = judged == KNOWN;
    }
    append(feed, judged == KNOWN ? taught : feed, &head, judged == FOR_SCRIPT);
    return FOUND;
}

/* Reads the queries that have passed. */
static void hear(void)
{
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        if (one->is_open && one->kind == LOGGED)
            for (int i = 0; i < 4 * TURN && has_room(one) && read_one(one) != NOTHING; i++)
                ;
}

/* Queries before answers, and the devices within their share before the others. */
static void read_all(const struct pollfd *ready, nfds_t count)
{
    static const enum kind order[] = {LOGGED, HELD, BEHIND};
    for (int i = 0; i < 3; i++)
        for (nfds_t j = 0; j < count; j++) {
            struct feed *feed = ready[j].revents ? feed_of(ready[j].fd) : NULL;
            if (feed && feed->kind == order[i] && has_room(feed))
                read_one(feed);
        }
}

static void *read_feeds(void *unused)
{
    struct pollfd ready[FEEDS + 1];
    (void)unused;
    feeds_lock();
    while (!is_ending) {
        nfds_t count = 1;
        ready[0] = (struct pollfd){changed, POLLIN, 0};
        for (struct feed *one = feeds; one < feeds + FEEDS; one++)
            if (one->is_open && has_room(one))
                ready[count++] = (struct pollfd){one->fd, POLLIN, 0};
        feeds_unlock();
        int found = poll(ready, count, -1);
        feeds_lock();
        rounds++;
        pthread_cond_broadcast(&has_come_round);
        if (ready[0].revents & POLLNVAL) /* the watchdog has closed all, and ends the process */
            break;
        if (ready[0].revents)
            clear(changed);
        if (found > 0)
            read_all(ready + 1, count - 1);
    }
    feeds_unlock();
    return NULL;
}

/* Signals are for the thread of the script alone. */
static void start_reader(void)
{
    sigset_t all, before;
    pthread_attr_t small;
    changed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (changed < 0 || pthread_attr_init(&small))
        return;
    pthread_attr_setstacksize(&small, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    has_reader = pthread_create(&reader, &small, read_feeds, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&small);
}

/* --- for the script ------------------------------------------------------------------------- */

void feeds_allow(bool allowed)
{
    is_allowed = allowed;
}

static int open_locked(int fd, enum kind kind)
{
    struct feed *feed = feeds;
    while (feed < feeds + FEEDS && feed->is_open)
        feed++;
    if (feed == feeds + FEEDS || feed_of(fd))
        return -EBUSY;
    *feed = (struct feed){.kind = kind, .fd = fd};
    feed->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (feed->ready < 0)
        return -errno;
    uint8_t *bytes = mmap(NULL, ROWS * ROW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) {
        close(feed->ready);
        return -ENOMEM;
    }
    for (int i = 0; i < ROWS; i++)
        feed->rows[i].bytes = bytes + i * ROW;
    feed->is_open = true;
    if (is_allowed && !has_reader)
        start_reader();
    else if (has_reader)
        set(changed);
    return 0;
}

int feed_open(int fd, enum kind kind)
{
    feeds_lock();
    int result = open_locked(fd, kind);
    feeds_unlock();
    return result;
}

/* Afterwards nothing holds the socket: while the reader polls it, close() would not end it. */
static void close_locked(struct feed *feed)
{
    unsigned before = rounds;
    feed->is_open = false;
    if (feed->kind == HELD) { /* nobody will read the rest */
        judge_read(UINT_MAX, false);
        taken = 0;
    }
    munmap(feed->rows[0].bytes, ROWS * ROW);
    close(feed->ready);
    if (!has_reader)
        return;
    set(changed);
    while (rounds == before)
        pthread_cond_wait(&has_come_round, &lock);
}

void feed_close(int fd)
{
    feeds_lock();
    struct feed *feed = feed_of(fd);
    if (feed)
        close_locked(feed);
    feeds_unlock();
}

uint32_t *feed_counts(int fd)
{
    struct feed *feed = feed_of(fd);
    return feed ? feed->counts : NULL;
}

/* Takes the first datagram of the row. */
static int take(struct feed *feed, struct row *row, uint8_t *bytes, size_t room,
                struct sockaddr_nl *from)
{
    struct waiting head;
    bool was_full = !has_room(feed);
    memcpy(&head, row->bytes + row->first, sizeof(head));
    size_t size = bytes_of(&head);
    memcpy(bytes, row->bytes + row->first + sizeof(head), size < room ? size : room);
    *from = head.from;
    feed->counts[FEED_KNOWN] = head.is_known;
    taken += head.packets;
    row->first += space_for(size);
    if (row->first == row->end)
        empty(row);
    if (!waiting_row(feed, ROWS))
        clear(feed->ready);
    if (was_full && has_reader && has_room(feed))
        set(changed);
    return head.result;
}

static int receive_locked(struct feed *feed, bool is_urgent, uint8_t *bytes, size_t room,
                          struct sockaddr_nl *from)
{
    int rows = is_urgent ? URGENT + 1 : ROWS;
    for (int i = 0; i < TURN && !waiting_row(feed, rows); i++)
        if (!has_room(feed) || read_one(feed) == NOTHING)
            return -EAGAIN;
    struct row *row = waiting_row(feed, rows);
    if (row)
        return take(feed, row, bytes, room, from);
    memset(from, 0, sizeof(*from));
    return 0;
}

int feed_receive(int fd, bool is_urgent, uint8_t *bytes, size_t room, struct sockaddr_nl *from)
{
    feeds_lock();
    struct feed *feed = feed_of(fd);
    int result = feed ? receive_locked(feed, is_urgent, bytes, room, from) : -EBADF;
    feeds_unlock();
    return result;
}

void feeds_settle(void)
{
    bool all = true;
    feeds_lock();
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        all = all && (!one->is_open || one->kind != HELD || !waiting_row(one, ROWS));
    judge_read(taken, all);
    taken = 0;
    feeds_unlock();
}

int feeds_ready(int fd)
{
    const struct feed *feed = has_reader ? feed_of(fd) : NULL;
    return feed ? feed->ready : fd;
}

int feeds_source(int ready)
{
    for (const struct feed *one = feeds; has_reader && one < feeds + FEEDS; one++)
        if (one->is_open && one->ready == ready)
            return one->fd;
    return ready;
}

void feeds_end(void)
{
    feeds_lock();
    for (struct feed *one = feeds; one < feeds + FEEDS; one++)
        if (one->is_open)
            close_locked(one);
    is_ending = true;
    feeds_unlock();
    if (!has_reader)
        return;
    set(changed);
    pthread_join(reader, NULL);
    close(changed);
}
