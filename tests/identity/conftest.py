from hypothesis import settings as hypothesis_settings

# The first question reads the bundled lists, and a busy machine is not a failure.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")
