"""What can go wrong with a model, each error with the next step in its sentence."""


class ModelError(Exception):
    """Root of the errors that `models` raises."""


class ModelNotPrepared(ModelError):
    """The model is not on disk yet; preparing it (`kefu models prepare`) helps."""


class ArtifactCorrupt(ModelError):
    """A file of a stored model does not match its manifest; preparing the model again helps."""


class ModelUnavailable(ModelError):
    """The model gave no answer (process gone, endpoint down, out of time); trying again may work."""


class TrainingDataError(ModelError):
    """The examples cannot be learned from; the message names the file, row or label to mend."""
