/* System calls that fail, or kill their process: loaded with LD_PRELOAD, told by fault_arm().
 *
 * A call is a line, "write /home/ada/results/disk/runs.csv\n": its kind and its path, or the path of
 * its file descriptor; a rename has two. The k-th call whose line contains a text fails.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LENGTH 8192

static char wanted[LENGTH]; /* "" matches nothing */
static long first, last;    /* of the calls that match, counted from 1 */
static int with;            /* an errno; 0: SIGKILL */
static int log_fd = -1;     /* where the lines of all calls go */
static long matched;

void fault_arm(const char *text, long k, int forever, int error, const char *log) {
    first = k;
    last = forever ? __LONG_MAX__ : k;
    with = error;
    if (*log)
        log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    snprintf(wanted, LENGTH, "%s", text);
}

/* Whether this call is to fail; errno is set then. */
static int fails(const char *kind, const char *path, const char *to) {
    char line[LENGTH];
    if (!*wanted && log_fd < 0)
        return 0;
    int before = errno;
    int length = snprintf(line, LENGTH, *to ? "%s %s %s\n" : "%s %s%s\n", kind, path, to);
    if (log_fd >= 0 && length < LENGTH)
        syscall(SYS_write, log_fd, line, length);
    errno = before;
    if (!*wanted || !strstr(line, wanted))
        return 0;
    long k = __sync_add_and_fetch(&matched, 1);
    if (k < first || k > last)
        return 0;
    if (!with)
        syscall(SYS_kill, getpid(), SIGKILL);
    errno = with;
    return 1;
}

static int fails_fd(const char *kind, int fd) {
    char link[64], path[LENGTH / 2];
    if (!*wanted && log_fd < 0)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int before = errno;
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    errno = before;
    path[length < 0 ? 0 : length] = 0;
    return fails(kind, path, "");
}

/* a function of the C library, under its own name; where it is not to fail, the next one is called */
#define CALL(result, name, parameters, arguments, condition)               \
    result name parameters {                                               \
        static result(*next) parameters;                                   \
        if (!next)                                                         \
            next = (result(*) parameters)dlsym(RTLD_NEXT, #name);          \
        return (condition) ? -1 : next arguments;                          \
    }
#define WRITE(name, more, rest)                                            \
    CALL(ssize_t, name, (int fd, const void *data, size_t size more),      \
         (fd, data, size rest), fails_fd("write", fd))
#define COMMA ,
WRITE(write, , )
WRITE(pwrite, COMMA off_t at, COMMA at)
WRITE(pwrite64, COMMA off64_t at, COMMA at)
CALL(int, fsync, (int fd), (fd), fails_fd("fsync", fd))
CALL(int, fdatasync, (int fd), (fd), fails_fd("fdatasync", fd))
CALL(int, ftruncate, (int fd, off_t size), (fd, size), fails_fd("ftruncate", fd))
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), fails_fd("ftruncate", fd))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), fails("mkdir", path, ""))
CALL(int, unlink, (const char *path), (path), fails("unlink", path, ""))
CALL(int, rename, (const char *path, const char *to), (path, to), fails("rename", path, to))
CALL(int, renameat, (int from_fd, const char *path, int to_fd, const char *to),
     (from_fd, path, to_fd, to), fails("rename", path, to))

#define OPEN(name, more, rest)                                             \
    int name(more const char *path, int flags, ...) {                      \
        static int (*next)(more const char *, int, ...);                   \
        va_list list;                                                      \
        va_start(list, flags);                                             \
        mode_t mode = va_arg(list, mode_t); /* garbage where it is not used */ \
        va_end(list);                                                      \
        if (!next)                                                         \
            next = (int (*)(more const char *, int, ...))dlsym(RTLD_NEXT, #name); \
        return fails("open", path, "") ? -1 : next(rest path, flags, mode); \
    }
OPEN(open, , )
OPEN(open64, , )
OPEN(openat, int folder COMMA, folder COMMA)
OPEN(openat64, int folder COMMA, folder COMMA)
