/* Free space, before the first byte. */
#include "fetch/room.h"

#include "commit/names.h"
#include <ggx_sdk/error.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define FREE_LEFT (1u << 20) /* for names and journals */

/* Of a file that is there already none is needed, and less of one that was begun. */
static uint64_t need_of(const ggx_download *d)
{
    char *partial = ggx_output_beside(d->path, ".ggx-part");
    struct stat st;
    const uint64_t size = d->file->remote.size;
    uint64_t have = 0;
    if (stat(d->path, &st) == 0 && (uint64_t)st.st_size == size)
        have = size;
    else if (partial && stat(partial, &st) == 0)
        have = (uint64_t)st.st_blocks * 512;
    free(partial);
    return have < size ? size - have : 0;
}

/* What is free where the file is to lie, and on which disk that is; 0: unknown. */
static int look(const char *path, uint64_t *room, dev_t *disk)
{
    struct statvfs fs;
    struct stat st;
    char *directory = ggx_output_directory(path);
    const int known = directory && statvfs(directory, &fs) == 0 && stat(directory, &st) == 0;
    free(directory);
    if (!known) return 0;
    *room = (uint64_t)fs.f_bavail * fs.f_frsize;
    *disk = st.st_dev;
    return 1;
}

static ggx_status refuse(const char *path, const char *for_what, uint64_t need, uint64_t room, ggx_error *error)
{
    return ggx_fail(error, GGX_E_NOSPACE,
                    "%.90s needs %llu more bytes%s, and %llu are free; free some space or choose another disk, then "
                    "run this again",
                    path, (unsigned long long)need, for_what, (unsigned long long)room);
}

ggx_status ggx_download_room(const ggx_download *list, uint32_t count, const ggx_download_options *options,
                             ggx_error *error)
{
    uint64_t need = 0, room, other;
    dev_t disk, other_disk;
    for (uint32_t i = 0; i < count; i++) need += need_of(&list[i]);
    if (!need || !look(list[0].path, &room, &disk)) return GGX_OK;
    if (room < FREE_LEFT || room - FREE_LEFT < need) return refuse(list[0].path, "", need, room, error);
    const uint64_t more = options->more ? options->more(options->more_context) : 0;
    if (!more || !look(options->more_path, &other, &other_disk)) return GGX_OK;
    if (other_disk != disk) return more <= other ? GGX_OK : refuse(options->more_path, "", more, other, error);
    if (room - FREE_LEFT - need >= more) return GGX_OK;
    return refuse(list[0].path, " with the output that is to be made of it", need + more, room, error);
}
