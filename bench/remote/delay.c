/*
 * delay ADDRESS:PORT TARGET_PORT MICROSECONDS: relays connections to TARGET_PORT of the same
 * address, as over a network with this round trip time: each way takes half of it, and opening a
 * connection all of it. It has no bandwidth limit and no slow start. For kernels without `tc
 * netem`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PIECE_SIZE 65536

struct end {
    int fd;
    struct end *other;
    uint64_t ready; /* nothing from this end is sent on before */
    unsigned waiting;
    int closed;
};

struct piece {
    struct piece *next;
    struct end *to;
    uint64_t at;
    size_t size; /* 0: the end of the stream */
    char bytes[];
};

struct queue {
    struct piece *head;
    struct piece **tail;
};

static uint64_t round_trip; /* nanoseconds */
/* Pieces that are sent after half a round trip, and those that waited for their connection. Each is
 * in order of time. */
static struct queue queues[2];
static int epoll;
static char buffer[PIECE_SIZE];

static uint64_t now(void)
{
    struct timespec time;

    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(int fd, void *data)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        die("epoll_ctl");
}

static void set_no_delay(int fd)
{
    const int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* ---------------------------------------------------------------- connections */

static void accept_one(int listener, const struct sockaddr_in *target)
{
    struct end *ends = calloc(2, sizeof *ends);
    const int client = accept(listener, NULL, NULL);
    const int server = socket(AF_INET, SOCK_STREAM, 0);

    if (!ends || client < 0 || server < 0 ||
        connect(server, (const struct sockaddr *)target, sizeof *target) != 0)
        die("connect");
    set_no_delay(client);
    set_no_delay(server);
    ends[0] =
        (struct end){.fd = client, .other = &ends[1], .ready = now() + round_trip + round_trip / 2};
    ends[1] = (struct end){.fd = server, .other = &ends[0]};
    watch(client, &ends[0]);
    watch(server, &ends[1]);
}

static void forget(struct end *end)
{
    struct end *other = end->other;

    if (!end->closed || !other->closed || end->waiting > 0 || other->waiting > 0)
        return;
    (void)close(end->fd);
    (void)close(other->fd);
    free(end < other ? end : other);
}

static void read_from(struct end *end)
{
    const uint64_t normal = now() + round_trip / 2;
    const ssize_t size = recv(end->fd, buffer, sizeof buffer, MSG_DONTWAIT);

    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    const size_t length = size > 0 ? (size_t)size : 0;
    struct piece *piece = malloc(sizeof *piece + length);
    if (!piece)
        die("malloc");
    /* Not before the connection is open, and not before what was read earlier. */
    const int is_late = end->ready > normal;
    *piece = (struct piece){.to = end->other, .at = is_late ? end->ready : normal, .size = length};
    memcpy(piece->bytes, buffer, length);
    end->other->waiting++;
    struct queue *queue = &queues[is_late];
    *queue->tail = piece;
    queue->tail = &piece->next;
    if (length == 0) {
        (void)epoll_ctl(epoll, EPOLL_CTL_DEL, end->fd, NULL);
        end->closed = 1;
    }
}

/* Send what is due. */
static void send_due(struct queue *queue)
{
    while (queue->head && queue->head->at <= now()) {
        struct piece *piece = queue->head;
        struct end *to = piece->to;
        queue->head = piece->next;
        if (!queue->head)
            queue->tail = &queue->head;
        for (size_t done = 0; done < piece->size;) {
            const ssize_t n = send(to->fd, piece->bytes + done, piece->size - done, MSG_NOSIGNAL);
            if (n <= 0)
                break;
            done += (size_t)n;
        }
        if (piece->size == 0)
            (void)shutdown(to->fd, SHUT_WR);
        free(piece);
        to->waiting--;
        forget(to);
    }
}

/* ---------------------------------------------------------------- main */

static void set_timer(int timer)
{
    uint64_t at = UINT64_MAX;
    struct itimerspec when = {0};

    for (int i = 0; i < 2; i++)
        if (queues[i].head && queues[i].head->at < at)
            at = queues[i].head->at;
    if (at != UINT64_MAX) {
        when.it_value.tv_sec = (time_t)(at / 1000000000);
        when.it_value.tv_nsec = (long)(at % 1000000000);
    }
    (void)timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    struct epoll_event events[256];
    const int on = 1;

    char *colon = argc == 4 ? strchr(argv[1], ':') : NULL;
    if (!colon)
        return 2;
    *colon = 0;
    round_trip = strtoull(argv[3], NULL, 10) * 1000;
    if (inet_pton(AF_INET, argv[1], &at.sin_addr) != 1)
        return 2;
    struct sockaddr_in target = at;
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    target.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    epoll = epoll_create1(0);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener < 0 || timer < 0 || epoll < 0 ||
        bind(listener, (const struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 4096) != 0)
        die("listen");
    watch(listener, NULL);
    watch(timer, &epoll);
    for (int i = 0; i < 2; i++)
        queues[i].tail = &queues[i].head;
    for (;;) {
        set_timer(timer);
        const int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (!events[i].data.ptr)
                accept_one(listener, &target);
            else if (events[i].data.ptr != &epoll)
                read_from(events[i].data.ptr);
        }
        send_due(&queues[1]);
        send_due(&queues[0]);
    }
}
