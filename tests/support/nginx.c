#include "nginx.h"

#include "tmpdir.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_FIRST 18500
#define PORT_COUNT 64

static struct {
    tmpdir dir;
    pid_t owner; /* the process that started it */
    pid_t child;
    unsigned port;
} server;
static int alive[2]; /* a pipe: its end says that the test has ended */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void skip(const char *why)
{
    (void)fprintf(stderr, "skipped: nginx: %s\n", why);
    exit(77);
}

static const char *find_nginx(void)
{
    static const char *const places[] = {"/usr/sbin/nginx", "/usr/bin/nginx",
                                         "/usr/local/sbin/nginx", "/usr/local/bin/nginx"};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    skip("not installed");
    return NULL;
}

static void write_configuration(const char *path, unsigned port)
{
    const struct passwd *user = getpwuid(getuid());
    FILE *file = fopen(path, "w");

    if (!file || !user)
        test_die("%s: %s", path, strerror(errno));
    (void)fprintf(file,
                  "user %s;\ndaemon off;\nmaster_process off;\npid %s/pid;\nerror_log %s/log;\n"
                  "events { worker_connections 4096; }\n"
                  "http {\n access_log off;\n keepalive_requests 1000000;\n"
                  " client_body_temp_path %s/body;\n proxy_temp_path %s/proxy;\n"
                  " fastcgi_temp_path %s/fastcgi;\n uwsgi_temp_path %s/uwsgi;\n"
                  " scgi_temp_path %s/scgi;\n"
                  " server { listen 127.0.0.1:%u; root /; }\n}\n",
                  user->pw_name, server.dir.path, server.dir.path, server.dir.path, server.dir.path,
                  server.dir.path, server.dir.path, server.dir.path, port);
    (void)fclose(file);
}

/* Whether it accepts connections, once it has started; false: it ended. */
static int is_up(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server.port)};
    const struct timespec pause = {.tv_nsec = 10000000};

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (;;) {
        if (waitpid(server.child, NULL, WNOHANG) == server.child)
            return 0;
        const int fd = socket(AF_INET, SOCK_STREAM, 0);
        const int code = connect(fd, (const struct sockaddr *)&at, sizeof at);
        (void)close(fd);
        if (code == 0)
            return 1;
        (void)nanosleep(&pause, NULL);
    }
}

static void stop(void)
{
    if (getpid() != server.owner)
        return;
    (void)close(alive[1]);
    (void)waitpid(server.child, NULL, 0);
    tmpdir_remove(&server.dir);
}

/* In a child: run nginx until it ends, or the test does, however: the pipe is closed then. */
static _Noreturn void supervise(const char *nginx, const char *configuration)
{
    struct pollfd end = {.fd = alive[0], .events = POLLIN};

    (void)close(alive[1]);
    if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
        _exit(1);
    const pid_t child = fork();
    if (child == 0) {
        (void)execl(nginx, nginx, "-p", server.dir.path, "-c", configuration, (char *)NULL);
        _exit(1);
    }
    while (child > 0 && waitpid(child, NULL, WNOHANG) == 0) {
        if (poll(&end, 1, 20) > 0) {
            (void)kill(child, SIGTERM);
            (void)waitpid(child, NULL, 0);
            break;
        }
    }
    _exit(0);
}

/* A port that another process has makes nginx end at once: a connection to that one succeeds, too,
 * so the child is looked at again after a while. */
static int start_at(unsigned port)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    const char *nginx = find_nginx();
    char *path = tmpdir_file(&server.dir, "conf");

    server.port = port;
    write_configuration(path, port);
    server.child = fork();
    if (server.child == 0)
        supervise(nginx, path);
    free(path);
    if (!is_up())
        return 0;
    (void)nanosleep(&pause, NULL);
    return waitpid(server.child, NULL, WNOHANG) == 0;
}

static void start(void)
{
    server.owner = getpid();
    if (pipe(alive) != 0 || fcntl(alive[1], F_SETFD, FD_CLOEXEC) != 0)
        test_die("pipe: %s", strerror(errno));
    tmpdir_make_in_memory(&server.dir);
    for (unsigned i = 0; i < PORT_COUNT; i++) {
        if (start_at(PORT_FIRST + ((unsigned)server.owner + i) % PORT_COUNT)) {
            (void)atexit(stop);
            return;
        }
    }
    tmpdir_remove(&server.dir);
    skip("does not start");
}

char *nginx_url(const char *path)
{
    (void)pthread_once(&once, start);
    char *absolute = realpath(path, NULL);
    if (!absolute)
        test_die("%s: %s", path, strerror(errno));
    char *url = must_malloc(strlen(absolute) + 32);
    (void)sprintf(url, "http://127.0.0.1:%u%s", server.port, absolute);
    free(absolute);
    return url;
}
