/* read.c - the functions of a source: members, names, ranges. A few files are open at a time, the longest unused is closed for the
 * next; each opening checks that the file is still the one that was seen first. */
#include "base/text.h"
#include "source/ahead.h"
#include "source/members.h"
#include <errno.h>
#include <fcntl.h>
#include <ggx_sdk/checked.h>
#include <ggx_sdk/error.h>
#include <sys/stat.h>
#include <unistd.h>

#define POINTER "version https://git-lfs.github.com/spec/v1"

ggx_status ggx_file_look(int at, const char *name, const char *shown, ggx_file_state *out, ggx_error *error)
{
    struct stat st;
    if (name ? fstatat(at, name, &st, 0) : fstat(at, &st)) {
        ggx_status status = errno == ENOENT || errno == ENOTDIR ? GGX_E_NOTFOUND
                            : errno == EACCES                   ? GGX_E_DENIED
                                                                : GGX_E_IO;
        return ggx_fail(error, status, "cannot open %s: %s", shown, strerror(errno));
    }
    if (!S_ISREG(st.st_mode))
        return ggx_fail(error, GGX_E_UNSUPPORTED,
                        "%s is not a regular file; ggx reads at any offset, so save it as one first", shown);
    out->size = (uint64_t)st.st_size;
    out->mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    out->inode = (uint64_t)st.st_ino;
    out->device = (uint64_t)st.st_dev;
    return GGX_OK;
}

/* O_NONBLOCK: should a FIFO have taken the file's place since it was looked at, opening must not wait for a writer. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

int ggx_file_open_below(int root, const char *name)
{
    int directory = root;
    for (const char *slash; (slash = strchr(name, '/')); name = slash + 1) {
        char part[256];
        size_t size = (size_t)(slash - name);
        int inner = -1;
        if (size < sizeof part) {
            memcpy(part, name, size);
            part[size] = 0;
            inner = openat(directory, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        } else {
            errno = ENAMETOOLONG;
        }
        int why = errno;
        if (directory != root) close(directory);
        errno = why;
        if (inner < 0) return -1;
        directory = inner;
    }
    int fd = openat(directory, name, OPEN_FLAGS), why = errno;
    if (directory != root) close(directory);
    errno = why;
    return fd;
}

static ggx_files *files_of(const ggx_source *source)
{
    return source->context;
}

static uint32_t count(const ggx_source *source)
{
    ggx_files *files = files_of(source);
    pthread_mutex_lock(&files->lock);
    uint32_t n = files->count;
    pthread_mutex_unlock(&files->lock);
    return n;
}

/* The member, or NULL with the error set. Files do not move, so the pointer outlives the lock. */
static ggx_file *get_file(ggx_files *files, uint32_t index, ggx_error *error)
{
    pthread_mutex_lock(&files->lock);
    ggx_file *file = index < files->count ? files->files[index] : NULL;
    pthread_mutex_unlock(&files->lock);
    if (!file) ggx_fail(error, GGX_E_NOTFOUND, "there is no member %u in the source", index);
    return file;
}

static ggx_status member(const ggx_source *source, uint32_t index, ggx_member *out, ggx_error *error)
{
    const ggx_file *file = get_file(files_of(source), index, error);
    if (!file) return GGX_E_NOTFOUND;
    if (GGX_HAS(out, size)) out->size = file->state.size;
    if (GGX_HAS(out, name)) out->name = file->name;
    return GGX_OK;
}

/* Relative, with non-empty parts other than '.' and '..'. */
static int is_plain_name(ggx_str name)
{
    uint64_t begin = 0;
    if (!name.size || name.size > GGX_NAME_BYTES || memchr(name.data, 0, (size_t)name.size)) return 0;
    for (uint64_t i = 0; i <= name.size; i++) {
        if (i < name.size && name.data[i] != '/') continue;
        ggx_str part = {name.data + begin, i - begin};
        if (!part.size || ggx_str_same(part, GGX_LIT(".")) || ggx_str_same(part, GGX_LIT(".."))) return 0;
        begin = i + 1;
    }
    return 1;
}

/* Index of a known member, or UINT32_MAX. Files added as options are not siblings. */
static uint32_t find_known(const ggx_files *files, ggx_str name)
{
    uint32_t low = 0, high = files->sorted;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = ggx_str_order(files->files[middle]->name, name);
        if (!order) return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t i = files->sorted; i < files->count; i++) {
        const ggx_file *file = files->files[i];
        if ((file->below || i == 0) && ggx_str_same(file->name, name)) return i;
    }
    return UINT32_MAX;
}

static ggx_status add_sibling(ggx_files *files, ggx_str name, uint32_t *index, ggx_error *error)
{
    char local[GGX_NAME_BYTES + 1]; /* a name that is not there shall not take memory for good */
    memcpy(local, name.data, (size_t)name.size);
    local[name.size] = 0;
    ggx_file file = {.below = 1, .slot = -1};
    int fd = ggx_file_open_below(files->root, local);
    if (fd < 0) {
        ggx_status status = errno == EACCES ? GGX_E_DENIED : GGX_E_NOTFOUND;
        return ggx_fail(error, status, "cannot open %.70s%.100s: %s", files->root_path, local, strerror(errno));
    }
    ggx_status status = ggx_file_look(fd, NULL, local, &file.state, error);
    close(fd);
    if (status != GGX_OK) return status;
    file.name = ggx_arena_str(&files->arena, name);
    file.path = ggx_arena_format(&files->arena, "%s%s", files->root_path, local).data;
    if (!file.name.data || !file.path)
        return ggx_fail(error, GGX_E_NOMEM, "no memory for the names of the source's files");
    return ggx_files_add(files, &file, index, error);
}

static ggx_status find(const ggx_source *source, ggx_str name, uint32_t *index, ggx_error *error)
{
    ggx_files *files = files_of(source);
    if (!is_plain_name(name))
        return ggx_fail(error, GGX_E_MALFORMED,
                        "'%.*s' is not a name below the source: it must be relative and without '..'",
                        GGX_STR_ARGS(name));
    pthread_mutex_lock(&files->lock);
    ggx_status status = GGX_OK;
    uint32_t known = find_known(files, name);
    if (known != UINT32_MAX)
        *index = known;
    else if (files->root >= 0 && source->kind != GGX_SOURCE_DIRECTORY)
        status = add_sibling(files, name, index, error);
    else
        status = ggx_fail(error, GGX_E_NOTFOUND, "there is no file '%.*s' in the source", GGX_STR_ARGS(name));
    pthread_mutex_unlock(&files->lock);
    return status;
}

static ggx_status open_file(const ggx_files *files, const ggx_file *file, uint32_t index, int *fd, ggx_error *error)
{
    *fd = file->below ? ggx_file_open_below(files->root, file->name.data) : open(file->path, OPEN_FLAGS);
    if (*fd < 0 && errno == EACCES)
        return ggx_fail_at(error, GGX_E_DENIED, index, GGX_NO_OFFSET, "the file cannot be read: %s", strerror(errno));
    if (*fd < 0 && (errno == EMFILE || errno == ENFILE))
        return ggx_fail_at(error, GGX_E_IO, index, GGX_NO_OFFSET, "too many files are open (ulimit -n)");
    ggx_file_state now;
    ggx_error ignored;
    if (*fd >= 0 && ggx_file_look(*fd, NULL, "", &now, &ignored) == GGX_OK && !memcmp(&now, &file->state, sizeof now))
        return GGX_OK;
    if (*fd >= 0) close(*fd);
    *fd = -1;
    return ggx_fail_at(error, GGX_E_INTEGRITY, index, GGX_NO_OFFSET,
                       "the file was changed, replaced or removed while it was in use; run again when it is complete");
}

/* A free slot, made by closing the longest unused file if need be; -1 when all are being read. */
static int32_t free_slot(ggx_files *files)
{
    int32_t oldest = -1;
    for (int32_t i = 0; i < (int32_t)GGX_OPEN_FILES; i++) {
        if (!files->open[i].file) return i;
        if (!files->open[i].pins && (oldest < 0 || files->open[i].used < files->open[oldest].used)) oldest = i;
    }
    if (oldest >= 0) {
        close(files->open[oldest].fd);
        files->open[oldest].file->slot = -1;
        files->open[oldest].file = NULL;
    }
    return oldest;
}

/* An open descriptor that stays so until release. *slot is -1 for one that release closes. */
static ggx_status acquire(ggx_files *files, ggx_file *file, uint32_t index, int *fd, int32_t *slot, ggx_error *error)
{
    ggx_status status = GGX_OK;
    pthread_mutex_lock(&files->lock);
    if (file->slot < 0) {
        *slot = free_slot(files);
        status = open_file(files, file, index, fd, error);
        if (status == GGX_OK && *slot >= 0) {
            file->slot = *slot;
            files->open[*slot].file = file;
            files->open[*slot].fd = *fd;
            files->open[*slot].pins = 0;
        }
    } else {
        *slot = file->slot;
        *fd = files->open[*slot].fd;
    }
    if (status == GGX_OK && *slot >= 0) {
        files->open[*slot].pins++;
        files->open[*slot].used = files->clock++;
    }
    pthread_mutex_unlock(&files->lock);
    return status;
}

static void release(ggx_files *files, int fd, int32_t slot)
{
    if (slot < 0) {
        close(fd);
        return;
    }
    pthread_mutex_lock(&files->lock);
    files->open[slot].pins--;
    pthread_mutex_unlock(&files->lock);
}

static ggx_status read_whole(int fd, uint32_t index, uint64_t offset, char *out, uint64_t size, ggx_error *error)
{
    while (size) {
        ssize_t n = pread(fd, out, size < (1u << 30) ? (size_t)size : 1u << 30, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ggx_fail_at(error, GGX_E_IO, index, offset, "reading failed: %s", strerror(errno));
        if (n == 0)
            return ggx_fail_at(error, GGX_E_INTEGRITY, index, offset,
                               "the file became shorter while it was read; run again when it is complete");
        out += n;
        offset += (uint64_t)n;
        size -= (uint64_t)n;
    }
    return GGX_OK;
}

static ggx_status check_range(const ggx_file *file, uint32_t index, uint64_t offset, uint64_t size, ggx_error *error)
{
    uint64_t end;
    if (ggx_add_u64(offset, size, &end) && end <= file->state.size) return GGX_OK;
    return ggx_fail_at(
        error, GGX_E_MALFORMED, index, offset,
        "%llu bytes are wanted here, but the file ends at byte %llu; it is cut short, or its lengths are wrong",
        (unsigned long long)size, (unsigned long long)file->state.size);
}

/* A clone without git-lfs has a text of a few lines in the place of each large file. `fd` is of a file on this machine. */
static ggx_status check_pointer(const ggx_files *files, const ggx_file *file, uint32_t index, int fd, ggx_error *error)
{
    char head[sizeof POINTER - 1];
    if (!files->refuses_pointers || file->state.size < sizeof head || file->state.size > GGX_POINTER_MOST)
        return GGX_OK;
    ggx_status status = fd < 0 ? ggx_remote_read(files->remote, index, 0, head, sizeof head, error)
                               : read_whole(fd, index, 0, head, sizeof head, error);
    if (status != GGX_OK || memcmp(head, POINTER, sizeof head) != 0) return status;
    return ggx_fail(error, GGX_E_UNSUPPORTED,
                    "%.200s is a git-lfs pointer, not the file itself; fetch the file (git lfs pull, or ggx fetch)",
                    file->path);
}

static ggx_status read_at(const ggx_source *source, uint32_t index, uint64_t offset, void *out, uint64_t size,
                          ggx_error *error)
{
    ggx_files *files = files_of(source);
    ggx_file *file = get_file(files, index, error);
    if (!file) return GGX_E_NOTFOUND;
    ggx_status status = check_range(file, index, offset, size, error);
    if (status != GGX_OK || !size) return status;
    if (file->bytes) {
        memcpy(out, file->bytes + offset, (size_t)size);
    } else if (files->remote && file->below) {
        status = ggx_remote_read(files->remote, index, offset, out, size, error);
        if (status == GGX_OK && !files->remote->stream) status = check_pointer(files, file, index, -1, error);
    } else {
        int fd;
        int32_t slot;
        status = acquire(files, file, index, &fd, &slot, error);
        if (status != GGX_OK) return status;
        status = read_whole(fd, index, offset, out, size, error);
        if (status == GGX_OK) status = check_pointer(files, file, index, fd, error);
        release(files, fd, slot);
    }
    if (status != GGX_OK) return status;
    atomic_store_explicit(&file->read, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&files->bytes_read, size, memory_order_relaxed);
    return status;
}

void ggx_source_refuse_pointers(ggx_source *source)
{
    if (source->read_at == read_at)
        ((ggx_files *)source->context)->refuses_pointers = 1; /* others have no such files */
}

/* Files are not mapped: one that is cut short meanwhile would kill the process with SIGBUS. */
static ggx_status map(const ggx_source *source, uint32_t index, uint64_t offset, uint64_t size, const void **out,
                      ggx_error *error)
{
    const ggx_file *file = get_file(files_of(source), index, error);
    if (!file) return GGX_E_NOTFOUND;
    ggx_status status = check_range(file, index, offset, size, error);
    if (status != GGX_OK) return status;
    if (!file->bytes) return ggx_fail_at(error, GGX_E_UNSUPPORTED, index, offset, "files are not mapped; use read_at");
    *out = file->bytes + offset;
    return GGX_OK;
}

void ggx_files_set_calls(ggx_files *files)
{
    files->source = (ggx_source){.struct_size = sizeof(ggx_source),
                                 .kind = files->source.kind,
                                 .context = files,
                                 .count = count,
                                 .member = member,
                                 .find = find,
                                 .read_at = read_at,
                                 .map = map};
}

ggx_status ggx_source_identity(const ggx_source *source, uint32_t index, uint64_t out[3], ggx_error *error)
{
    ggx_files *files = files_of(source);
    ggx_file *file = get_file(files, index, error);
    if (!file) return GGX_E_NOTFOUND;
    if (!file->bytes && !(files->remote && file->below)) {
        int fd;
        ggx_status status = open_file(files, file, index, &fd, error);
        if (status != GGX_OK) return status;
        close(fd);
    }
    out[0] = file->state.mtime;
    out[1] = file->state.size;
    out[2] = file->state.inode;
    return GGX_OK;
}
