/* A library that is preloaded into gage, and lets it fail where the lab says.
 *
 * Every call that changes something below FAULTS_ROOT (and every open there, where that is
 * asked for) is counted, over all processes of a trial, in a block of memory that they share
 * with the lab (FAULTS_CONTROL). At the call that the block names, before the call is made,
 * the process is killed, stopped, or told an error; or a write takes only half.
 *
 * With FAULTS_MIRROR the library keeps what a power cut cannot take: at each fsync(2) a copy
 * of the file or of the names in the directory, under the inode's number and time of birth.
 * FAULTS_BOOT is read in place of the kernel's boot ID, so that a reboot can be pretended.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* As in shim.py. */
enum kind {
    OPEN = 1, CREATE = 2, WRITE = 4, SYNC = 8, RENAME = 16, MKDIR = 32, LINK = 64,
    UNLINK = 128, META = 256, PROCESS = 512, REOPEN = 1024, REWRITE = 2048,
};
enum action { NONE, KILL, DIE, STOP, FAIL, SHORT, SHUTDOWN };

struct control {
    uint32_t armed, counter, at, action, error, sticky, kinds, dead;
    uint32_t hits, pid, kind, exempt, room;
    char path[PATH_MAX];
};

#define SHUTDOWN_IOCTL 0x8004587DU
#define NO_LOG_FLUSH 2

static struct control *control;
static char root[PATH_MAX], mirror[PATH_MAX], boot[PATH_MAX];
static size_t root_length;

static void copied(char *to, const char *name) {
    const char *value = getenv(name);
    snprintf(to, PATH_MAX, "%s", value ? value : "");
}

__attribute__((constructor)) static void begin(void) {
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0) return;
    program[length] = 0;
    const char *name = strrchr(program, '/');
    if (!name || strncmp(name + 1, "python", 6)) return; /* what gage runs is none of ours */
    copied(root, "FAULTS_ROOT");
    copied(mirror, "FAULTS_MIRROR");
    copied(boot, "FAULTS_BOOT");
    root_length = strlen(root);
    const char *path = getenv("FAULTS_CONTROL");
    int fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0 || !root_length) return;
    void *block = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (block != MAP_FAILED) control = block;
}

static void raised(int signum) { syscall(SYS_kill, syscall(SYS_getpid), signum); }

static const char *absolute(char *to, int at, const char *path) {
    char here[PATH_MAX];
    if (path[0] == '/') {
        snprintf(to, PATH_MAX, "%s", path);
        return to;
    }
    if (at == AT_FDCWD) {
        if (syscall(SYS_getcwd, here, sizeof here) < 0) return "";
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, here, sizeof here - 1);
        if (length < 0) return "";
        here[length] = 0;
    }
    if ((size_t)snprintf(to, PATH_MAX, "%s%s%s", here, *path ? "/" : "", path) >= PATH_MAX)
        to[PATH_MAX - 1] = 0;
    return to;
}

static int below(const char *path) {
    return !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]);
}

/* What becomes of a call: 0 it is made, -1 it fails with errno, 1 it takes only half. */
static int judged(enum kind kind, const char *path) {
    if (!control || !control->armed || control->exempt == (uint32_t)syscall(SYS_getpid)) return 0;
    if (control->dead) raised(SIGKILL);
    if (!(control->kinds & kind)) return 0;
    uint32_t number = __atomic_add_fetch(&control->counter, 1, __ATOMIC_SEQ_CST);
    int hit = number == control->at || (control->sticky && control->at && number > control->at);
    if (!hit) return 0;
    if (number == control->at) {
        control->kind = kind;
        control->pid = syscall(SYS_getpid);
        snprintf(control->path, sizeof control->path, "%s", path);
    }
    __atomic_add_fetch(&control->hits, 1, __ATOMIC_SEQ_CST);
    if (control->sticky && control->room && number > control->at) {
        control->room--;
        return 0;
    }
    int fd;
    switch (control->action) {
    case SHUTDOWN:
        fd = syscall(SYS_openat, AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
        uint32_t flag = NO_LOG_FLUSH;
        syscall(SYS_ioctl, fd, SHUTDOWN_IOCTL, &flag);
        /* fall through */
    case DIE:
        control->dead = 1;
        /* fall through */
    case KILL:
        raised(SIGKILL);
        return 0;
    case STOP:
        raised(SIGSTOP);
        return 0;
    case FAIL:
        errno = control->error;
        return -1;
    case SHORT:
        return 1;
    }
    return 0;
}

/* On a disk that is full, what is removed makes room: a block of it for each call. */
static int unlinked(int at, const char *path, int verdict) {
    struct stat status;
    int full = control && control->armed && control->sticky && control->hits &&
               (control->error == ENOSPC || control->error == EDQUOT);
    if (!verdict && full && !fstatat(at, path, &status, AT_SYMLINK_NOFOLLOW))
        control->room += status.st_blocks / 8;
    return verdict;
}

static int judged_at(enum kind kind, int at, const char *path) {
    char buffer[PATH_MAX];
    if (!control || !control->armed || !path) return 0;
    const char *whole = absolute(buffer, at, path);
    return below(whole) ? judged(kind, whole) : 0;
}

static int judged_fd(enum kind kind, int fd) {
    char buffer[PATH_MAX];
    if (!control || !control->armed) return 0;
    const char *whole = absolute(buffer, fd, "");
    if (below(whole)) return judged(kind, whole);
    if (kind == WRITE && !strncmp(whole, "pipe:", 5)) return judged(PROCESS, whole);
    return 0;
}

/* What is durable. Of an inode its number alone is given again; with its birth it is its own. */

void birth_of(const char *path, char *to) {
    struct statx status;
    memset(&status, 0, sizeof status);
    syscall(SYS_statx, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status);
    snprintf(to, 80, "%llu-%lld-%u", (unsigned long long)status.stx_ino,
             (long long)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
}

static void named(char *to, int fd, const char *name, char type) {
    struct statx status;
    memset(&status, 0, sizeof status);
    syscall(SYS_statx, fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME,
            &status);
    snprintf(to, 80, "%c-%llu-%lld-%u", type, (unsigned long long)status.stx_ino,
             (long long)status.stx_btime.tv_sec, status.stx_btime.tv_nsec);
}

#define ROOM (PATH_MAX + 128)

static int begun(char *path, char *final, const char *key) {
    snprintf(path, ROOM, "%s/.%ld-%s", mirror, (long)syscall(SYS_gettid), key);
    snprintf(final, ROOM, "%s/%s", mirror, key);
    return syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

static void keep_file(int fd, const struct stat *status) {
    char key[80], path[ROOM], final[ROOM];
    named(key, fd, "", 'f');
    /* The descriptor may be good for writing only. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int from = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY);
    int to = begun(path, final, key);
    off_t offset = 0;
    while (offset < status->st_size &&
           syscall(SYS_sendfile, to, from, &offset, (size_t)(status->st_size - offset)) > 0) {}
    syscall(SYS_fchmod, to, status->st_mode & 07777);
    syscall(SYS_close, from);
    syscall(SYS_close, to);
    syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, final, 0);
}

/* A record a name: NAME NUL KEY NUL TARGET NUL, the target that of a link. */
static void keep_directory(int fd) {
    char key[80], path[ROOM], final[ROOM], target[PATH_MAX];
    named(key, fd, "", 'd');
    int to = begun(path, final, key);
    int from = syscall(SYS_openat, fd, ".", O_RDONLY | O_DIRECTORY);
    DIR *directory = fdopendir(from);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        char type = entry->d_type == DT_DIR ? 'd' : entry->d_type == DT_LNK ? 'l' : 'f';
        ssize_t length = 0;
        if (type == 'l')
            length = syscall(SYS_readlinkat, from, entry->d_name, target, sizeof target - 1);
        target[length < 0 ? 0 : length] = 0;
        named(key, from, entry->d_name, type);
        syscall(SYS_write, to, entry->d_name, strlen(entry->d_name) + 1);
        syscall(SYS_write, to, key, strlen(key) + 1);
        syscall(SYS_write, to, target, strlen(target) + 1);
    }
    if (directory) closedir(directory);
    syscall(SYS_close, to);
    syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, final, 0);
}

static void keep(int fd) {
    struct stat status;
    if (fstat(fd, &status)) return;
    if (S_ISDIR(status.st_mode)) keep_directory(fd);
    if (S_ISREG(status.st_mode)) keep_file(fd, &status);
}

static void keep_tree(int fd) {
    keep_directory(fd);
    DIR *directory = fdopendir(syscall(SYS_openat, fd, ".", O_RDONLY | O_DIRECTORY));
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (entry->d_type != DT_DIR && entry->d_type != DT_REG) continue;
        int inner = syscall(SYS_openat, dirfd(directory), entry->d_name, O_RDONLY | O_NOFOLLOW);
        if (inner < 0) continue;
        if (entry->d_type == DT_DIR) keep_tree(inner);
        else keep(inner);
        syscall(SYS_close, inner);
    }
    if (directory) closedir(directory);
}

static int is_kept(void) { return control && control->armed && *mirror; }

/* The calls. */

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static enum kind opening(int at, const char *path, int flags) {
    if (!(flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR))) return OPEN;
    /* What is there already needs no room. */
    return syscall(SYS_faccessat, at, path, F_OK) ? CREATE : REOPEN;
}

static enum kind writing(int fd, size_t size, off_t offset) {
    struct stat status;
    int inside = !fstat(fd, &status) && offset + (off_t)size <= status.st_size;
    return inside ? REWRITE : WRITE;
}

static const char *rebooted(const char *path) {
    return *boot && path && !strcmp(path, "/proc/sys/kernel/random/boot_id") ? boot : path;
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
        REAL(name); \
        if (judged_at(opening(AT_FDCWD, path, flags), AT_FDCWD, path) < 0) return -1; \
        return real(rebooted(path), flags, mode); \
    }
OPENS(open)
OPENS(open64)

#define OPENS_AT(name) \
    int name(int at, const char *path, int flags, ...) { \
        va_list list; va_start(list, flags); mode_t mode = va_arg(list, mode_t); va_end(list); \
        REAL(name); \
        if (judged_at(opening(at, path, flags), at, path) < 0) return -1; \
        return real(at, rebooted(path), flags, mode); \
    }
OPENS_AT(openat)
OPENS_AT(openat64)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    int half = judged_fd(WRITE, fd);
    if (half < 0) return -1;
    return real(fd, data, half && size > 1 ? size / 2 : size);
}

#define PWRITES(name, offset_type) \
    ssize_t name(int fd, const void *data, size_t size, offset_type offset) { \
        REAL(name); \
        int half = judged_fd(writing(fd, size, offset), fd); \
        if (half < 0) return -1; \
        return real(fd, data, half && size > 1 ? size / 2 : size, offset); \
    }
PWRITES(pwrite, off_t)
PWRITES(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    return judged_fd(WRITE, fd) < 0 ? -1 : real(fd, parts, count);
}

#define SYNCS(name) \
    int name(int fd) { \
        REAL(name); \
        if (judged_fd(SYNC, fd) < 0) return -1; \
        int answer = real(fd); \
        if (!answer && is_kept()) keep(fd); \
        return answer; \
    }
SYNCS(fsync)
SYNCS(fdatasync)

int syncfs(int fd) {
    REAL(syncfs);
    if (judged_fd(SYNC, fd) < 0) return -1;
    int answer = real(fd);
    if (!answer && is_kept()) {
        int top = syscall(SYS_openat, AT_FDCWD, root, O_RDONLY | O_DIRECTORY);
        keep_tree(top);
        syscall(SYS_close, top);
    }
    return answer;
}

#define CALL(type, name, parameters, arguments, verdict) \
    type name parameters { \
        REAL(name); \
        return (verdict) < 0 ? -1 : real arguments; \
    }
CALL(int, rename, (const char *from, const char *to), (from, to), judged_at(RENAME, AT_FDCWD, to))
CALL(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to),
     judged_at(RENAME, b, to))
CALL(int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
     (a, from, b, to, flags), judged_at(RENAME, b, to))
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), judged_at(MKDIR, AT_FDCWD, path))
CALL(int, mkdirat, (int at, const char *path, mode_t mode), (at, path, mode),
     judged_at(MKDIR, at, path))
CALL(int, link, (const char *from, const char *to), (from, to), judged_at(LINK, AT_FDCWD, to))
CALL(int, linkat, (int a, const char *from, int b, const char *to, int flags),
     (a, from, b, to, flags), judged_at(LINK, b, to))
CALL(int, symlink, (const char *target, const char *path), (target, path),
     judged_at(LINK, AT_FDCWD, path))
CALL(int, symlinkat, (const char *target, int at, const char *path), (target, at, path),
     judged_at(LINK, at, path))
CALL(int, unlink, (const char *path), (path),
     unlinked(AT_FDCWD, path, judged_at(UNLINK, AT_FDCWD, path)))
CALL(int, unlinkat, (int at, const char *path, int flags), (at, path, flags),
     unlinked(at, path, judged_at(UNLINK, at, path)))
CALL(int, rmdir, (const char *path), (path), judged_at(UNLINK, AT_FDCWD, path))
CALL(int, chmod, (const char *path, mode_t mode), (path, mode), judged_at(META, AT_FDCWD, path))
CALL(int, fchmod, (int fd, mode_t mode), (fd, mode), judged_fd(META, fd))
CALL(int, fchmodat, (int at, const char *path, mode_t mode, int flags), (at, path, mode, flags),
     judged_at(META, at, path))
CALL(int, utimensat, (int at, const char *path, const struct timespec times[2], int flags),
     (at, path, times, flags), judged_at(META, at, path))
CALL(int, futimens, (int fd, const struct timespec times[2]), (fd, times), judged_fd(META, fd))
CALL(int, ftruncate, (int fd, off_t size), (fd, size), judged_fd(META, fd))
CALL(int, ftruncate64, (int fd, off64_t size), (fd, size), judged_fd(META, fd))
CALL(ssize_t, sendfile64, (int to, int from, off64_t *offset, size_t size),
     (to, from, offset, size), judged_fd(WRITE, to))
CALL(ssize_t, copy_file_range,
     (int from, off64_t *a, int to, off64_t *b, size_t size, unsigned flags),
     (from, a, to, b, size, flags), judged_fd(WRITE, to))
CALL(pid_t, fork, (void), (), judged(PROCESS, "fork"))
CALL(int, execve, (const char *path, char *const argv[], char *const environment[]),
     (path, argv, environment), judged(PROCESS, "execve"))

#define LOCKS(name) \
    int name(int fd, int command, ...) { \
        va_list list; va_start(list, command); void *more = va_arg(list, void *); va_end(list); \
        REAL(name); \
        if (command == F_OFD_SETLK && judged_fd(PROCESS, fd) < 0) return -1; \
        return real(fd, command, more); \
    }
LOCKS(fcntl)
LOCKS(fcntl64)
