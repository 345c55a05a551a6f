"""Why a file is not taken, and what to do about it."""

from server.errors import ServerError

TOO_MUCH_TODAY_S = 3_600  # until it is worth trying again


class UploadRefused(ServerError):
    """Root of what is wrong with a file; sending the same one again cannot help."""


class FileTooLarge(UploadRefused):
    """The file, or the picture in it, is larger than the server takes."""


class UnknownKind(UploadRefused):
    """The file is of no kind that is taken, whatever its name says."""


class DamagedFile(UploadRefused):
    """The file says that it is of a kind that is taken, and cannot be read as such."""


class TooManyFiles(ServerError):
    """So much was sent in a day that no more is taken; trying again after `TOO_MUCH_TODAY_S` may work."""


class UploadNotFound(ServerError):
    """There is no such file that the caller may see."""


class FilesUnavailable(ServerError):
    """The folder of files cannot be written or read; nothing was kept, trying again may work."""
